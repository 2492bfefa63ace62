# SPDX-License-Identifier: Apache-2.0
"""Tests of audit records."""

import datetime
import io
import json
import logging
import pathlib
from typing import Any

import bcrypt
import fixtures
import webob
from oslo_log import formatters

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru import spec
from ironic_passthru.api import audit_data
from ironic_passthru.api.http import environ_keys
from ironic_passthru.api.middleware import audit
from ironic_passthru.fleet import selector
from ironic_passthru.redaction import log_filter
from ironic_passthru.rpc import protocol
from ironic_passthru.tests import base
from ironic_passthru.tests.unit.api import fakes

_SCHEMA: dict[str, Any] = {
    'type': 'object',
    'properties': {
        'slot': {'type': 'integer'},
        'key': {'type': 'string', 'writeOnly': True},
        'tag': {'type': 'string'},
    },
    'required': ['slot'],
    'additionalProperties': False,
}
_PATH = '/v1/drivers/d/vendor_passthru'
_BUSY = errors.ConductorBusy()


class _Records(logging.Handler):
    """A handler that collects log records."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[Any] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


def lines(case: base.TestCase) -> fixtures.FakeLogger:
    """Return a fixture with the audit records as its output."""
    return case.useFixture(
        fixtures.FakeLogger('ironic_passthru.audit', format='%(message)s')
    )


class AuditCase(fakes.ApplicationCase):
    """The application with audit records in JSON."""

    def setUp(self) -> None:
        super().setUp()
        self.lines = lines(self)
        self.store.add(
            'c1',
            fakes.driver(
                'd',
                fakes.method(
                    'm',
                    http_methods=('GET', 'POST'),
                    schema=_SCHEMA,
                    target=('slot', 'key'),
                ),
                fakes.method('a', http_methods=('POST',), async_call=True),
                fakes.method('any', http_methods=('POST',), target=('bmc',)),
            ),
        )
        self.store.add('c2', fakes.driver('gone'), alive=False)
        self.bus.on_call = lambda call: call['tried'].append(
            protocol.ConductorAddress('c1', 'one')
        )
        self.rebuild(format='json')

    def rebuild(self, **options: object) -> None:
        """Build the application anew with some options of ``[audit]``."""
        for name, value in options.items():
            self.conf.set_override(name, value, group='audit')
        self.build()

    def line(self) -> dict[str, Any]:
        """Return the only record."""
        (line,) = self.lines.output.splitlines()
        self.assertLessEqual(len(line), audit.MAX_LENGTH)
        return json.loads(line)

    def outcome(self) -> tuple[str, str | None, int]:
        """Return outcome, code and status of the only record."""
        line = self.line()
        return line['outcome'], line['code'], line['status']


class TestCalls(AuditCase):
    """The record of a call."""

    def test_all_fields(self) -> None:
        before = datetime.datetime.now(datetime.UTC)
        request_id = 'req-11111111-2222-4333-8444-555555555555'
        answer = self.ask(
            f'{_PATH}/m',
            'POST',
            b'{"slot": 7, "key": "hunter2", "tag": "x"}',
            X_Openstack_Request_Id=request_id,
        )
        line = self.line()
        moment = datetime.datetime.fromisoformat(line.pop('time'))
        self.assertEqual(datetime.timedelta(), moment.utcoffset())
        self.assertLess(abs((moment - before).total_seconds()), 30)
        self.assertGreater(line.pop('duration'), 0)
        self.assertEqual(
            {
                'event': 'call',
                'request_id': answer.headers['x-openstack-request-id'],
                'global_request_id': request_id,
                'user': None,
                'project': None,
                'address': None,
                'proxy': None,
                'driver': 'd',
                'method': 'm',
                'http_method': 'POST',
                'parameters': {'slot': 7, 'key': '***', 'tag': 'x'},
                'targets': ['***', '7'],
                'conductor': 'c1',
                'operation': None,
                'outcome': 'succeeded',
                'code': None,
                'status': 200,
            },
            line,
        )

    def test_the_named_group(self) -> None:
        for group, status in (('', 200), ('x', 400)):
            answer = self.ask(
                f'{_PATH}/m?slot=1', Passthru_Conductor_Group=group
            )
            self.assertEqual(status, answer.status_int)
            line = json.loads(self.lines.output.splitlines()[-1])
            self.assertEqual(group, line['conductor_group'])

    def test_the_documented_form_has_the_method_too(self) -> None:
        self.ask(f'{_PATH}?x=1&method=m')
        self.assertEqual('m', self.line()['method'])

    def test_an_accepted_call_names_its_operation(self) -> None:
        self.bus.result = {'return': None, 'async': True, 'attach': False}
        answer = self.ask(f'{_PATH}/a', 'POST')
        line = self.line()
        self.assertEqual('accepted', line['outcome'])
        self.assertTrue(answer.location.endswith(line['operation']))

    def test_a_repeated_call(self) -> None:
        self.ask(f'{_PATH}/m?slot=1', 'GET', Idempotency_Key='"k"')
        self.bus.on_call = self.remember
        headers = {'Idempotency_Key': '"k"'}
        self.ask(f'{_PATH}/m', 'POST', b'{"slot": 1}', **headers)
        self.ask(f'{_PATH}/m', 'POST', b'{"slot": 1}', **headers)
        _, first, again = map(json.loads, self.lines.output.splitlines())
        self.assertEqual('succeeded', first['outcome'])
        self.assertEqual('repeated', again['outcome'])
        self.assertEqual(None, again['conductor'])
        self.assertEqual(first['operation'], again['operation'])

    def reported(self, **answer: Any) -> list[str]:
        """Return the targets in the record of a call that reports some."""
        self.bus.result = {
            'return': 1,
            'async': False,
            'attach': False,
            'targets': ['r1', '7', 'r0'],
        } | answer
        self.ask(f'{_PATH}/m?slot=7')
        return self.line()['targets']

    def test_reported_targets_follow_those_of_parameters(self) -> None:
        self.assertEqual(['7', 'r1', 'r0'], self.reported())

    def test_reported_targets_of_a_call_that_fails(self) -> None:
        self.bus.result = errors.DriverFailed(
            request_id='r', targets=['r1', '7']
        )
        self.ask(f'{_PATH}/m?slot=7')
        line = self.line()
        self.assertEqual('failed', line['outcome'])
        self.assertEqual(['7', 'r1'], line['targets'])

    def test_a_call_over_several_conductors(self) -> None:
        properties = {name: {} for name in selector.PARAMETERS}
        method = fakes.method(
            'f',
            http_methods=('POST',),
            schema={'type': 'object', 'properties': properties},
            target=selector.NAMES,
        )
        for host in ('c2', 'c3', 'c4'):
            self.store.add(host, fakes.driver('fleet', method))
            self.store.publish(host, 'fleet', f'n-{host}')

        def answer(call: dict[str, Any]) -> dict[str, Any]:
            (server,) = call['servers']
            call['tried'].append(server)
            if server.hostname == 'c4':
                raise errors.ConductorBusy()
            items = {name: {} for name in call['info']['targets']}
            return {
                'return': {'items': items},
                'async': False,
                'attach': False,
            }

        self.bus.on_call = lambda _: None
        self.bus.answer = answer
        self.ask(
            '/v1/drivers/fleet/vendor_passthru/f', 'POST', b'{"tag": "n"}'
        )
        line = self.line()
        self.assertEqual('c2, c3, c4', line['conductor'])
        self.assertEqual(['n-c2', 'n-c3'], line['targets'])

    def test_many_reported_targets_are_cut(self) -> None:
        many = [f'node-{number}' * 10 for number in range(5000)]
        found = self.reported(targets=many)
        self.assertEqual(['7', many[0]], found[:2])
        self.assertRegex(found[-1], r'^\.\.\. \d+ more$')

    def test_targets_of_a_call_that_is_waited_for(self) -> None:
        self.bus.result = {'return': None, 'async': True, 'attach': False}
        self.bus.on_call = lambda call: (
            self.operations.add(call['call_id'], targets=['r1']),
            self.operations.succeed(call['call_id']),
        )
        self.ask(f'{_PATH}/a', 'POST', Prefer='wait=5')
        self.assertEqual(['r1'], self.line()['targets'])

    def test_targets_of_an_earlier_call(self) -> None:
        self.bus.on_call = self.remember
        for _ in range(2):
            self.ask(
                f'{_PATH}/m', 'POST', b'{"slot": 1}', Idempotency_Key='"k"'
            )
        first, again = map(json.loads, self.lines.output.splitlines())
        self.assertEqual(['1'], first['targets'])
        self.assertEqual(['1', 'r1'], again['targets'])

    def remember(self, call: dict[str, Any]) -> None:
        self.operations.add(call['call_id'], targets=['1', 'r1'])
        self.operations.succeed(call['call_id'])
        key = call['key']
        self.operations.keys[key.digest] = call['call_id'], key.fingerprint

    def test_nothing_but_calls_and_cancellations_has_a_line(self) -> None:
        for path in (
            *('/', '/v1', '/v1/drivers', '/v1/drivers/d', '/v1/nonsense'),
            *(f'{_PATH}/methods', f'{_PATH}/methods/', '/v1/operations'),
            *('/v1/operations/o', '/v1/operations/o/result', '/healthcheck'),
        ):
            self.ask(path)
            self.ask(path, 'HEAD')
            self.ask(path, 'OPTIONS')
        self.ask(_PATH, 'OPTIONS')
        self.assertEqual('', self.lines.output)

    def test_what_no_handler_takes_is_not_written(self) -> None:
        def form(record: Any) -> str:
            self.fail('it is written')

        def answer(environ: Any, start_response: Any) -> list[bytes]:
            start_response('200 OK', [])
            return [b'fine']

        logger = logging.getLogger('ironic_passthru.audit')
        self.addCleanup(logger.setLevel, logger.level)
        logger.setLevel(logging.WARNING)
        log = self.useFixture(
            fixtures.FakeLogger('ironic_passthru.api.middleware.audit')
        )
        layer = audit.Audit(answer, form)
        self.assertEqual([b'fine'], layer(_environ(), lambda *_: None))
        self.assertEqual('', log.output)

    def test_off_there_is_none(self) -> None:
        self.rebuild(enabled=False)
        answer = self.ask(f'{_PATH}/m?slot=1')
        self.assertEqual(200, answer.status_int)
        self.assertEqual('', self.lines.output)


class _Named:
    """Has methods that are their own names."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return f'{self._name}.{name}'


class TestRefused(AuditCase):
    """Rejected calls are recorded."""

    def test_no_version(self) -> None:
        self.ask(f'{_PATH}/m', X_OpenStack_Ironic_API_Version='9.9')
        self.assertEqual(
            ('refused', 'version_not_acceptable', 406), self.outcome()
        )

    def test_too_large(self) -> None:
        self.build(max_body_size=1024)
        self.ask(f'{_PATH}/m', 'POST', b' ' * 1025)
        self.assertEqual(('refused', 'body_too_large', 413), self.outcome())

    def test_no_login(self) -> None:
        directory = self.useFixture(fixtures.TempDir()).path
        users = pathlib.Path(directory) / 'htpasswd'
        users.write_bytes(b'a:' + bcrypt.hashpw(b'b', bcrypt.gensalt(4)))
        users.chmod(0o600)
        self.conf.set_override('http_basic_auth_user_file', str(users))
        self.conf.set_override('auth_strategy', 'http_basic')
        self.build()
        self.ask(f'{_PATH}/m')
        line = self.line()
        self.assertEqual(('d', 'm', None), _named(line))
        self.assertEqual(('refused', 'unauthorized', 401), self.outcome())

    def test_no_permission(self) -> None:
        self.store.add(
            'c3',
            fakes.driver(
                'e', fakes.method('m', dangerous=True, allowed=False)
            ),
        )
        self.ask('/v1/drivers/e/vendor_passthru/m')
        self.assertEqual(('e', 'm', None), _named(self.line()))
        self.assertEqual(('refused', 'dangerous_method', 403), self.outcome())

    def test_no_such_driver(self) -> None:
        self.ask('/v1/drivers/no/vendor_passthru/m')
        self.assertEqual(('refused', 'driver_not_found', 404), self.outcome())

    def test_no_method_named(self) -> None:
        self.ask(_PATH)
        self.assertEqual(None, self.line()['method'])
        self.assertEqual(('refused', 'missing_method', 400), self.outcome())

    def test_a_query_that_cannot_be_read(self) -> None:
        self.ask(f'{_PATH}?' + '&'.join('abcdefgh' * 200))
        self.assertEqual(('refused', 'bad_request', 400), self.outcome())

    def test_no_live_conductor(self) -> None:
        self.ask('/v1/drivers/gone/vendor_passthru/m')
        self.assertEqual(('refused', 'no_live_conductor', 503), self.outcome())

    def test_parameters_that_do_not_fit_show_their_names_only(self) -> None:
        self.ask(f'{_PATH}/m', 'POST', b'{"slot": "hunter2", "kye": "no"}')
        line = self.line()
        self.assertEqual({'slot': '***', 'kye': '***'}, line['parameters'])
        self.assertEqual(None, line['targets'])
        self.assertEqual(
            ('refused', 'invalid_parameters', 400), self.outcome()
        )

    def test_a_busy_conductor_is_named(self) -> None:
        self.bus.result = _BUSY
        self.ask(f'{_PATH}/m?slot=1')
        self.assertEqual('c1', self.line()['conductor'])
        self.assertEqual(('refused', 'conductor_busy', 503), self.outcome())

    def test_a_layer_that_answers_by_itself(self) -> None:
        def forbid(environ: Any, start_response: Any) -> list[bytes]:
            start_response('401 Unauthorized', [])
            return []

        layer = audit.Audit(forbid, json.dumps)
        layer(_environ(), lambda *_: None)
        self.assertEqual(('refused', None, 401), self.outcome())


def _named(line: dict[str, Any]) -> tuple[Any, ...]:
    return line['driver'], line['method'], line['user']


class TestWho(AuditCase):
    """Identity and address of the caller."""

    def ask_from(
        self, address: str, **headers: str
    ) -> tuple[str | None, str | None]:
        """Return the addresses of client and proxy in the record."""
        request = webob.Request.blank(f'{_PATH}/m?slot=1')
        request.headers.update(
            {name.replace('_', '-'): text for name, text in headers.items()}
        )
        request.environ['REMOTE_ADDR'] = address
        request.get_response(self.application)
        line = json.loads(self.lines.output.splitlines()[-1])
        return line['address'], line['proxy']

    def believe_proxies(self) -> None:
        self.conf.set_override(
            'enable_proxy_headers_parsing', True, group='oslo_middleware'
        )
        self.build()

    def test_a_client_cannot_choose_its_address(self) -> None:
        self.assertEqual(
            ('192.0.2.7', None),
            self.ask_from('192.0.2.7', X_Forwarded_For='203.0.113.9'),
        )

    def test_a_proxy_names_its_clients_if_that_is_allowed(self) -> None:
        self.believe_proxies()
        self.assertEqual(
            ('203.0.113.9', '192.0.2.7'),
            self.ask_from('192.0.2.7', X_Forwarded_For='203.0.113.9'),
        )

    def test_without_a_proxy(self) -> None:
        self.believe_proxies()
        self.assertEqual(
            ('192.0.2.7', '192.0.2.7'), self.ask_from('192.0.2.7')
        )

    def test_forged_addresses_in_a_list(self) -> None:
        self.believe_proxies()
        self.assertEqual(
            ('203.0.113.9', '192.0.2.7'),
            self.ask_from(
                '192.0.2.7', X_Forwarded_For='10.0.0.1, 203.0.113.9'
            ),
        )

    def test_addresses_as_proxies_write_them(self) -> None:
        self.believe_proxies()
        for written, wanted in (
            ('for=203.0.113.9;proto=http', '203.0.113.9'),
            ('for="203.0.113.9:4711"', '203.0.113.9'),
            ('for="[2001:DB8::9]:4711"', '2001:db8::9'),
            ('for="[2001:db8::9]"', '2001:db8::9'),
            ('for=2001:db8::9', '2001:db8::9'),
            ('for=fe80::9%eth0 forged', 'fe80::9'),
        ):
            self.assertEqual(
                (wanted, '192.0.2.7'),
                self.ask_from('192.0.2.7', Forwarded=written),
            )

    def test_what_is_no_address_is_none(self) -> None:
        self.believe_proxies()
        for written in (
            *('unknown', '_hidden', 'evil', '203.0.113', '[', '[]', '"'),
            *('203.0.113.9:x', '203.0.113.9 evil', 'x' * 9999, '1' * 9999),
        ):
            for name in ('X_Forwarded_For', 'Forwarded'):
                value = f'for={written}' if name == 'Forwarded' else written
                self.assertEqual(
                    (None, '192.0.2.7'),
                    self.ask_from('192.0.2.7', **{name: value}),
                )
        # A socket of the file system has none.
        self.assertEqual((None, None), self.ask_from(''))

    def test_the_identity(self) -> None:
        context = request_context.RequestContext(
            user_id='alice', project_id='ours'
        )

        def answer(environ: Any, start_response: Any) -> list[bytes]:
            environ[environ_keys.CONTEXT] = context
            start_response('200 OK', [])
            return []

        audit.Audit(answer, json.dumps)(_environ(), lambda *_: None)
        line = self.line()
        self.assertEqual('alice', line['user'])
        self.assertEqual('ours', line['project'])


class TestOutcomes(AuditCase):
    """Outcomes of calls that a conductor received."""

    def outcome_of(self, answer: Any) -> tuple[str, str | None, int]:
        """Return the outcome of a call with this result."""
        self.bus.result = answer
        self.ask(f'{_PATH}/m?slot=1')
        return self.outcome()

    def test_the_driver_fails(self) -> None:
        self.assertEqual(
            ('failed', 'conflict', 409),
            self.outcome_of(errors.Conflict('in use')),
        )

    def test_the_conductor_finds_a_fault(self) -> None:
        self.assertEqual(
            ('refused', 'method_not_found', 400),
            self.outcome_of(errors.MethodNotFound(method='m')),
        )

    def test_its_method_stopped_on_request(self) -> None:
        self.assertEqual(
            ('cancelled', 'operation_cancelled', 409),
            self.outcome_of(errors.OperationCancelled(operation='a')),
        )

    def test_the_outcome_is_not_known(self) -> None:
        self.assertEqual(
            ('unknown', 'outcome_unknown', 504),
            self.outcome_of(errors.OutcomeUnknown(request_id='r')),
        )

    def test_a_result_that_is_not_there_any_more(self) -> None:
        """The method has returned, although its result is purged."""

        def purge(call: dict[str, Any]) -> None:
            self.operations.add(
                call['call_id'],
                state=operation.State.SUCCEEDED,
                result_parts=1,
            )

        self.bus.on_call = purge
        self.bus.result = {'return': None, 'async': True, 'attach': False}
        self.ask(f'{_PATH}/a', 'POST', Prefer='wait=5')
        self.assertEqual(('succeeded', 'result_gone', 410), self.outcome())

    def test_a_mistake_of_ours(self) -> None:
        self.assertEqual(
            ('failed', 'internal_error', 500),
            self.outcome_of(ZeroDivisionError()),
        )

    def test_the_end_of_a_process(self) -> None:
        def end(environ: Any, start_response: Any) -> list[bytes]:
            raise SystemExit

        layer = audit.Audit(end, json.dumps)
        self.assertRaises(SystemExit, layer, _environ(), None)
        self.assertEqual(('failed', None, None), self.outcome())


class TestCancellations(AuditCase):
    """``DELETE /v1/operations/{operation}``."""

    def cancel(self, state: operation.State) -> dict[str, Any]:
        """Return the record of a cancel request."""
        self.operations.add('o1', state=state, conductor='c7')
        self.ask('/v1/operations/o1', 'DELETE')
        return self.line()

    def test_one_that_is_queued(self) -> None:
        line = self.cancel(operation.State.QUEUED)
        for name in ('time', 'duration', 'request_id'):
            self.assertTrue(line.pop(name), name)
        self.assertEqual(
            {
                'event': 'cancel',
                'global_request_id': None,
                'user': None,
                'project': None,
                'address': None,
                'proxy': None,
                'operation': 'o1',
                'driver': 'd',
                'method': 'm',
                'conductor': 'c7',
                'outcome': 'cancelled',
                'code': None,
                'status': 200,
            },
            line,
        )

    def test_one_that_runs(self) -> None:
        line = self.cancel(operation.State.RUNNING)
        self.assertEqual('requested', line['outcome'])

    def test_one_that_ends_by_itself_meanwhile(self) -> None:
        self.operations.add('o1', state=operation.State.RUNNING)
        cancel = self.operations.cancel

        def end(operation_id: str) -> bool:
            active = cancel(operation_id)
            self.operations.succeed(operation_id)
            return active

        self.operations.cancel = end  # type: ignore[method-assign]
        self.ask('/v1/operations/o1', 'DELETE')
        self.assertEqual(('requested', None, 200), self.outcome())

    def test_one_that_cannot_be_read_again(self) -> None:
        self.operations.add('o1', state=operation.State.RUNNING)
        cancel = self.operations.cancel

        def fail(operation_id: str) -> bool:
            active = cancel(operation_id)
            self.operations.unavailable = True
            return active

        self.operations.cancel = fail  # type: ignore[method-assign]
        self.ask('/v1/operations/o1', 'DELETE')
        self.assertEqual(
            ('requested', 'registry_unavailable', 503), self.outcome()
        )

    def test_one_that_has_ended(self) -> None:
        line = self.cancel(operation.State.FAILED)
        self.assertEqual('refused', line['outcome'])
        self.assertEqual('operation_final', line['code'])

    def test_an_unknown_operation(self) -> None:
        self.ask('/v1/operations/o1', 'DELETE')
        self.assertEqual('operation_not_found', self.line()['code'])
        self.assertEqual(None, self.line()['driver'])


class TestForms(AuditCase):
    """Input of a client cannot break a line or forge a field."""

    def test_text_has_names_and_quoted_values(self) -> None:
        self.rebuild(format='text')
        self.ask(f'{_PATH}/m', 'POST', b'{"slot": 7, "tag": "a b"}')
        (line,) = self.lines.output.splitlines()
        for part in (
            '+00:00" event="call" request_id="req-',
            ' driver="d" method="m" http_method="POST" ',
            ' parameters={"slot": 7, "tag": "a b"} targets=["7"] ',
            ' outcome="succeeded" code=null status=200 duration=0.',
        ):
            self.assertIn(part, line)

    def test_the_log_leaves_a_line_as_it_is(self) -> None:
        """A search for passwords would damage JSON."""
        written = io.StringIO()
        handler = logging.StreamHandler(written)
        audit.AUDIT.addHandler(handler)
        self.addCleanup(audit.AUDIT.removeHandler, handler)
        log_filter.install()
        self.ask(f'{_PATH}/any', 'POST', b'{"bmc": "b", "password": "x"}')
        self.assertEqual(self.lines.output, written.getvalue())
        self.assertEqual('***', self.line()['parameters']['password'])
        self.assertEqual(200, self.line()['status'])

    def test_logs_in_json_contain_an_object(self) -> None:
        for form in audit.FORMATS:
            self.rebuild(format=form)
            written = io.StringIO()
            handler = logging.StreamHandler(written)
            handler.setFormatter(formatters.JSONFormatter())
            audit.AUDIT.addHandler(handler)
            self.addCleanup(audit.AUDIT.removeHandler, handler)
            log_filter.install()
            self.ask(f'{_PATH}/m', 'POST', b'{"slot": 7, "key": "hunter2"}')
            (line,) = written.getvalue().splitlines()
            record = json.loads(line)['extra']['audit']
            self.assertEqual('succeeded', record['outcome'])
            self.assertEqual({'slot': 7, 'key': '***'}, record['parameters'])
            self.assertNotIn('hunter2', line)

    def test_the_object_of_a_long_line_is_cut_like_the_line(self) -> None:
        handler = _Records()
        audit.AUDIT.addHandler(handler)
        self.addCleanup(audit.AUDIT.removeHandler, handler)
        body = json.dumps({'bmc': 'b' * 50_000}).encode()
        self.ask(f'{_PATH}/any', 'POST', body)
        (found,) = handler.records
        self.assertEqual(self.line(), found.extra['audit'])

    def test_what_a_client_sends_stays_inside_its_quotes(self) -> None:
        evil = 'x"\r\noutcome="succeeded" \u2028\x85'
        quoted = evil.encode().decode('latin-1')
        for form in audit.FORMATS.values():
            environ = _environ(f'/v1/drivers/{quoted}/vendor_passthru/m')
            environ['REMOTE_ADDR'] = evil

            def refuse(environ: Any, start_response: Any) -> list[bytes]:
                noted = audit_data.of(environ)
                noted.parameters = {evil: evil}
                noted.method = fakes.method('m')
                start_response('404 Not Found', [])
                return []

            audit.Audit(refuse, form)(environ, lambda *_: None)
        as_text, as_json = self.lines.output.splitlines()
        record = json.loads(as_json)
        self.assertEqual(evil, record['driver'])
        self.assertEqual({evil: evil}, record['parameters'])
        # The text contains the same pairs.
        decoder, found, rest = json.JSONDecoder(), {}, as_text
        while rest:
            name, _, rest = rest.partition('=')
            found[name], end = decoder.raw_decode(rest)
            rest = rest[end:].removeprefix(' ')
        for changing in ('time', 'duration'):
            del found[changing], record[changing]
        self.assertEqual(record, found)

    def test_long_lines_are_cut_and_say_so(self) -> None:
        long = '\U0001f600' * 5000
        many = {f'{n}{long}': [long] for n in range(100)}
        racks = [f'rack-{n}' for n in range(1000)]

        def answer(environ: Any, start_response: Any) -> list[bytes]:
            noted = audit_data.of(environ)
            noted.parameters = {**many, 'list': ['x' * 99] * 9 + racks}
            noted.method = fakes.method('m', target=('list',))
            noted.tried = [protocol.ConductorAddress(long, long)]
            noted.operation_id = long
            start_response('200 OK', [])
            return []

        path = f'/v1/drivers/{"x" * 9999}/vendor_passthru/{"y" * 9999}'
        environ = _environ(path)
        for key in (
            environ_keys.REQUEST_ID,
            environ_keys.GLOBAL_REQUEST_ID,
            'REMOTE_ADDR',
        ):
            environ[key] = long
        environ['REQUEST_METHOD'] = long
        for form in audit.FORMATS.values():
            audit.Audit(answer, form)(environ, lambda *_: None)
        as_text, as_json = self.lines.output.splitlines()
        self.assertLessEqual(len(as_text), audit.MAX_LENGTH)
        self.assertLessEqual(len(as_json), audit.MAX_LENGTH)
        record = json.loads(as_json)
        self.assertRegex(record['driver'], r'^x{300,}\.\.\. \(9999 char')
        shown = len(record['parameters']) - 1
        self.assertGreater(shown, 0)
        self.assertEqual(f'{101 - shown} more', record['parameters']['...'])
        self.assertRegex(record['targets'][-1], r'^\.\.\. [0-9]+ more$')
        self.assertEqual(200, record['status'])

    def test_what_will_be_cut_is_not_read(self) -> None:
        read: list[str] = []

        class Noting(spec.MethodSpec):
            def masked(self, parameters: Any) -> Any:
                read.append(json.dumps(parameters))
                return super().masked(parameters)

        words = {'words': ['word'] * 100_000}
        names = {f'n{number}': 1 for number in range(100_000)}
        many = {f'n{number}': 'x' * 1000 for number in range(1000)}
        given = iter([words, names, many])

        def answer(environ: Any, start_response: Any) -> list[bytes]:
            noted = audit_data.of(environ)
            noted.parameters = {**next(given), 'bmc': 'b1'}
            noted.method = Noting(**vars(fakes.method('m', target=('bmc',))))
            start_response('200 OK', [])
            return []

        layer = audit.Audit(answer, json.dumps)
        for _ in range(3):
            layer(_environ(), lambda *_: None)
        for text, line in zip(
            read, self.lines.output.splitlines(), strict=True
        ):
            self.assertLess(len(text), 100_000)
            self.assertEqual(['b1'], json.loads(line)['targets'])
            self.assertIn(
                ' characters)' if '"words"' in line else ' more"', line
            )

    def test_a_line_of_usual_length_is_whole(self) -> None:
        tag = 'x' * 10_000
        body = json.dumps({'slot': 7, 'tag': tag}).encode()
        self.ask(f'{_PATH}/m', 'POST', body)
        self.assertEqual(tag, self.line()['parameters']['tag'])


class TestMistakes(AuditCase):
    """A failure of the audit is logged and does not fail the call."""

    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(
            fixtures.FakeLogger('ironic_passthru.api.middleware.audit')
        )

    def test_what_cannot_be_masked_is_left_out(self) -> None:
        class Broken(spec.MethodSpec):
            def masked(self, parameters: Any) -> Any:
                raise KeyError('hunter2')

        def answer(environ: Any, start_response: Any) -> list[bytes]:
            noted = audit_data.of(environ)
            noted.parameters = {'a': 'hunter2'}
            noted.method = Broken(**vars(fakes.method('m')))
            start_response('200 OK', [])
            return [b'fine']

        layer = audit.Audit(answer, json.dumps)
        self.assertEqual([b'fine'], layer(_environ(), lambda *_: None))
        line = self.line()
        self.assertEqual('succeeded', line['outcome'])
        self.assertNotIn('parameters', line)
        self.assertIn('has no details: KeyError', self.log.output)
        self.assertNotIn('hunter2', self.log.output)

    def test_a_lost_record_is_logged(self) -> None:
        def broken(record: Any) -> str:
            raise ZeroDivisionError

        def answer(environ: Any, start_response: Any) -> list[bytes]:
            start_response('200 OK', [])
            return [b'fine']

        layer = audit.Audit(answer, broken)
        self.assertEqual([b'fine'], layer(_environ(), lambda *_: None))
        self.assertIn('Audit record lost: ZeroDivision', self.log.output)
        self.assertIn("'driver': 'd'", self.log.output)


def _environ(path: str = f'{_PATH}/m') -> dict[str, Any]:
    return {'REQUEST_METHOD': 'GET', 'PATH_INFO': path}
