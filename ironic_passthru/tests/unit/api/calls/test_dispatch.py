# SPDX-License-Identifier: Apache-2.0
"""Tests of calls, operations and Idempotency-Key."""

import datetime
import json
import re
from collections.abc import Callable
from typing import Any

import webob

from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru.tests.unit.api import fakes

_State = operation.State
_UUID = re.compile('[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}')
_ALL = ('GET', 'POST', 'PUT', 'DELETE', 'PATCH')


class CallsCase(fakes.ApplicationCase):
    """Calls of a driver with a synchronous and an asynchronous method."""

    def setUp(self) -> None:
        super().setUp()
        self.store.add(
            'c',
            fakes.driver(
                'd',
                fakes.method('now', http_methods=_ALL),
                fakes.method('later', http_methods=_ALL, async_call=True),
                fakes.method('slow', http_methods=_ALL, timeout=600.0),
            ),
        )

    def call(
        self,
        method: str = 'later',
        http_method: str = 'POST',
        body: bytes = b'{"a": 1}',
        **headers: str,
    ) -> webob.Response:
        return self.ask(
            f'/v1/drivers/d/vendor_passthru/{method}',
            http_method,
            body,
            **headers,
        )

    def answer(self, value: Any = None, *, later: bool = True) -> None:
        """Make the conductor accept calls, or return results."""
        self.bus.result = {'return': value, 'async': later, 'attach': False}

    def record(self, **values: Any) -> None:
        """Make the conductor record calls."""

        def note(arguments: dict[str, Any]) -> None:
            self.operations.add(arguments['call_id'], **values)

        self.bus.on_call = note

    def sent(self) -> dict[str, Any]:
        """Return the arguments of the only call."""
        ((_, _, arguments),) = self.bus.calls
        return arguments

    def location(self) -> str:
        return f'http://localhost/v1/operations/{self.sent()["call_id"]}'

    def code(self, response: webob.Response) -> str:
        return response.json['code']


class TestAccepted(CallsCase):
    """An accepted call."""

    def test_the_answer(self) -> None:
        self.answer()
        response = self.call()
        self.assertEqual(202, response.status_int)
        self.assertEqual(b'', response.body)
        self.assertNotIn('Content-Type', response.headers)
        self.assertRegex(self.sent()['call_id'], _UUID)
        self.assertEqual(self.location(), response.headers['Location'])
        self.assertEqual('2', response.headers['Retry-After'])
        self.assertNotIn('Preference-Applied', response.headers)

    def test_every_call_has_its_own_id(self) -> None:
        self.answer()
        self.call()
        self.call('now')
        ids = {arguments['call_id'] for _, _, arguments in self.bus.calls}
        self.assertEqual(2, len(ids))

    def test_where_it_is_found_follows_the_endpoint(self) -> None:
        self.answer()
        self.build(public_endpoint='https://bm.example/x/')
        location = self.call().headers['Location']
        self.assertTrue(location.startswith('https://bm.example/x/v1/oper'))

    def test_a_host_that_makes_no_url_runs_nothing(self) -> None:
        self.assertEqual(400, self.call(Host='a b').status_int)
        self.assertEqual([], self.bus.calls)

    def test_the_timeout_of_the_method(self) -> None:
        self.call('slow')
        self.assertEqual(600.0, self.sent()['timeout_seconds'])

    def test_to_be_accepted_takes_no_longer_than_any_call(self) -> None:
        self.answer()
        self.call('slow', Prefer='respond-async')
        self.assertEqual(60, self.sent()['timeout_seconds'])


class TestRespondAsync(CallsCase):
    """``Prefer: respond-async``."""

    def test_a_synchronous_method_becomes_an_operation(self) -> None:
        self.answer()
        response = self.call('now', Prefer='respond-async')
        self.assertIs(True, self.sent()['respond_async'])
        self.assertEqual(202, response.status_int)
        self.assertEqual(self.location(), response.headers['Location'])
        self.assertEqual(
            'respond-async', response.headers['Preference-Applied']
        )

    def test_without_it_nothing_changes(self) -> None:
        self.answer(5, later=False)
        for header in ('', 'wait=3', 'respond-async=x', 'return=minimal'):
            response = self.call('now', Prefer=header)
            self.assertEqual((200, 5), (response.status_int, response.json))
            self.assertNotIn('Preference-Applied', response.headers)
            self.assertIs(False, self.bus.calls[-1][2]['respond_async'])


class TestWait(CallsCase):
    """``Prefer: wait``."""

    def finish(self, result: Any = None, **values: Any) -> None:
        """Make operations finish at the third poll."""
        self.answer()
        self.record()

        def end(reads: int) -> None:
            if reads == 3:
                call_id = self.bus.calls[-1][2]['call_id']
                if not values:
                    self.operations.succeed(call_id, {'x': 1})
                else:
                    self.operations.succeed(call_id, result, **values)

        self.operations.on_read = end

    def test_a_result(self) -> None:
        self.finish()
        response = self.call(Prefer='wait=9')
        self.assertEqual(200, response.status_int)
        self.assertEqual({'x': 1}, response.json)
        self.assertEqual('wait=9', response.headers['Preference-Applied'])

    def test_a_result_of_a_synchronous_method(self) -> None:
        self.finish()
        response = self.call('now', Prefer='respond-async, wait=9')
        self.assertEqual({'x': 1}, response.json)
        self.assertEqual('wait=9', response.headers['Preference-Applied'])

    def test_an_error(self) -> None:
        error = operation.Error('It broke.', 400, 'broke')
        self.finish(state=_State.FAILED, error=error)
        response = self.call(
            Prefer='wait=9', Accept='application/problem+json'
        )
        self.assertEqual(400, response.status_int)
        self.assertEqual('broke', self.code(response))
        self.assertEqual('wait=9', response.headers['Preference-Applied'])

    def test_an_error_with_a_partial_result(self) -> None:
        error = operation.Error('It broke.', 502, 'broke')
        self.finish(state=_State.FAILED, error=error, result=[1, None])
        response = self.call(Prefer='wait=9')
        self.assertEqual(502, response.status_int)
        fault = json.loads(response.json['error_message'])
        self.assertEqual('It broke.', fault['faultstring'])
        self.assertEqual([1, None], fault['partial_result'])

    def test_an_unknown_outcome(self) -> None:
        self.finish(state=_State.UNKNOWN)
        response = self.call(Prefer='wait=9')
        self.assertEqual(504, response.status_int)
        self.assertEqual(self.location(), response.headers['Location'])

    def test_a_method_that_stopped_on_request(self) -> None:
        # Clients send a call again on 409.
        moment = datetime.datetime.now(datetime.UTC)
        self.finish(state=_State.CANCELLED, started_at=moment)
        response = self.call(Prefer='wait=9')
        self.assertEqual(202, response.status_int)
        self.assertEqual(self.location(), response.headers['Location'])

    def test_not_in_time(self) -> None:
        self.answer()
        self.record()
        for method, header, applied in (
            ('later', 'wait=1', 'wait=1'),
            ('now', 'wait=1, respond-async', 'respond-async, wait=1'),
        ):
            response = self.call(method, Prefer=header)
            self.assertEqual(202, response.status_int)
            self.assertIn('Location', response.headers)
            self.assertEqual(applied, response.headers['Preference-Applied'])

    def test_registry_becomes_unavailable(self) -> None:
        # An accepted call is answered with its 202 or its outcome.
        for asks_until in (1, 2, 3):
            self.operations.unavailable = False
            self.operations.reads = 0
            self.finish()
            end = self.operations.on_read

            def leave(
                reads: int,
                until: int = asks_until,
                end: Callable[[int], None] = end,
            ) -> None:
                end(reads)
                self.operations.unavailable = reads >= until

            self.operations.on_read = leave
            response = self.call(Prefer='wait=9')
            self.assertEqual(202, response.status_int)
            self.assertIn('Location', response.headers)

    def test_registry_unavailable_for_the_result(self) -> None:
        self.finish()

        def leave(_operation_id: str) -> str:
            raise errors.RegistryUnavailable()

        self.operations.result = leave  # type: ignore[method-assign]
        self.assertEqual(202, self.call(Prefer='wait=9').status_int)


class TestKey(CallsCase):
    """``Idempotency-Key``."""

    def keep(self, **values: Any) -> None:
        """Make the conductor record calls and their keys."""
        self.answer()

        def note(arguments: dict[str, Any]) -> None:
            key = arguments['key']
            if key is None:
                return
            if key.digest in self.operations.keys:
                raise errors.KeyInUse(
                    operation=self.operations.keys[key.digest][0]
                )
            call_id = arguments['call_id']
            self.operations.keys[key.digest] = (call_id, key.fingerprint)
            self.operations.add(call_id, **values)

        self.bus.on_call = note

    def send(
        self, body: bytes = b'{"a": 1}', **headers: str
    ) -> webob.Response:
        return self.call(
            body=body,
            Idempotency_Key='k1',
            Accept='application/problem+json',
            **headers,
        )

    def test_which_verbs_take_it(self) -> None:
        self.keep()
        for number, http_method in enumerate(_ALL):
            self.call(http_method=http_method, Idempotency_Key=f'k{number}')
        taken = [call['key'] is not None for _, _, call in self.bus.calls]
        self.assertEqual([False, True, True, True, True], taken)

    def test_an_invalid_one(self) -> None:
        self.answer()
        for key in ('', 'a b', '"'):
            refused = self.call(Idempotency_Key=key)
            self.assertEqual(400, refused.status_int)
        self.assertEqual([], self.bus.calls)
        read = self.call(http_method='GET', Idempotency_Key='')
        self.assertEqual(202, read.status_int)

    def test_other_errors_precede(self) -> None:
        response = self.call(
            body=b'{', Idempotency_Key='', Accept='application/problem+json'
        )
        self.assertEqual('invalid_body', self.code(response))

    def test_active(self) -> None:
        self.keep()
        self.assertEqual(202, self.send().status_int)
        for state in operation.ACTIVE:
            self.operations.change(self.sent()['call_id'], state=state)
            again = self.send()
            self.assertEqual(409, again.status_int)
            self.assertEqual('operation_active', self.code(again))
            self.assertEqual(self.location(), again.headers['Location'])
        self.assertEqual(1, len(self.bus.calls))

    def test_final(self) -> None:
        self.keep()
        first = self.send()
        for state in (_State.SUCCEEDED, _State.FAILED, _State.UNKNOWN):
            self.operations.change(self.sent()['call_id'], state=state)
            again = self.send()
            self.assertEqual(202, again.status_int)
            self.assertEqual(b'', again.body)
            for name in ('Location', 'Retry-After'):
                self.assertEqual(first.headers[name], again.headers[name])

    def test_final_and_the_client_would_wait(self) -> None:
        self.keep()
        self.send()
        self.operations.succeed(self.sent()['call_id'], [1])
        # A final operation needs no slot.
        again = self.send(Prefer='wait=5')
        self.assertEqual((200, [1]), (again.status_int, again.json))
        self.assertEqual('wait=5', again.headers['Preference-Applied'])

    def test_active_and_the_client_would_wait(self) -> None:
        self.keep()
        self.send()
        call_id = self.sent()['call_id']
        again = self.send(Prefer='wait=1')
        self.assertEqual(409, again.status_int)
        self.assertEqual('wait=1', again.headers['Preference-Applied'])
        self.operations.reads = 0
        self.operations.on_read = lambda reads: (
            self.operations.succeed(call_id, [1]) if reads == 3 else None
        )
        again = self.send(Prefer='wait=5')
        self.assertEqual((200, [1]), (again.status_int, again.json))
        self.assertEqual(1, len(self.bus.calls))

    def test_a_synchronous_call_is_answered_as_before(self) -> None:
        self.keep(accepted=False)
        self.send()
        call_id = self.sent()['call_id']
        self.operations.succeed(call_id, [1])
        again = self.send()
        self.assertEqual((200, [1]), (again.status_int, again.json))
        error = operation.Error('It broke.', 418, 'teapot')
        self.operations.change(call_id, state=_State.FAILED, error=error)
        again = self.send()
        self.assertEqual((418, 'teapot'), (again.status_int, self.code(again)))
        self.operations.change(call_id, state=_State.UNKNOWN)
        again = self.send()
        self.assertEqual(504, again.status_int)
        self.assertEqual(self.location(), again.headers['Location'])
        self.assertEqual(1, len(self.bus.calls))

    def test_it_is_repeated_without_live_conductors(self) -> None:
        self.keep(accepted=False)
        self.send()
        self.operations.succeed(self.sent()['call_id'], [1])
        self.store.add('c', alive=False)
        again = self.send()
        self.assertEqual((200, [1]), (again.status_int, again.json))
        self.assertEqual(503, self.call().status_int)
        self.assertEqual(1, len(self.bus.calls))

    def test_another_request(self) -> None:
        self.keep()
        self.send()
        for again in (
            self.send(b'{"a": 2}'),
            self.call('now', Idempotency_Key='"k1"', body=b'{"a": 1}'),
            self.call(http_method='PUT', Idempotency_Key='k1'),
        ):
            self.assertEqual(422, again.status_int)
        self.assertEqual(1, len(self.bus.calls))

    def test_the_same_request_in_another_form(self) -> None:
        self.keep()
        self.send(b'{"a": 1, "b": 2}')
        again = self.ask(
            '/v1/drivers/d/vendor_passthru?method=later',
            'POST',
            b'{"b":2,"a":1}',
            Idempotency_Key='"k1"',
        )
        self.assertEqual(409, again.status_int)

    def test_one_that_did_not_run_frees_its_key(self) -> None:
        self.keep()
        self.send()
        (call_id,) = self.operations.found
        for values in ({'state': _State.EXPIRED}, None):
            if values:
                self.operations.change(call_id, **values)
            else:
                del self.operations.found[call_id]
            self.bus.on_call = lambda arguments: None
            self.assertEqual(202, self.send().status_int)
        self.assertEqual(3, len(self.bus.calls))

    def test_another_one_comes_first(self) -> None:
        self.keep()
        find, found = self.operations.find_key, []

        def late(digest: str) -> tuple[str, str] | None:
            found.append(digest)
            return find(digest) if len(found) > 2 else None

        self.operations.find_key = late  # type: ignore[method-assign]
        self.send()
        again = self.send()
        self.assertEqual(409, again.status_int)
        self.assertEqual('operation_active', self.code(again))
        self.assertEqual(2, len(self.bus.calls))

    def test_a_concurrent_one_is_purged(self) -> None:
        self.bus.result = errors.KeyInUse(operation='x')
        response = self.send()
        self.assertEqual(503, response.status_int)
        self.assertIn('Retry-After', response.headers)

    def test_registry_unavailable(self) -> None:
        self.operations.unavailable = True
        self.assertEqual(503, self.send().status_int)
        self.assertEqual([], self.bus.calls)


class TestOutcomeUnknown(CallsCase):
    """A call whose reply is lost."""

    def lose(self, method: str = 'later', **headers: str) -> webob.Response:
        self.bus.result = errors.OutcomeUnknown(request_id='r')
        response = self.call(method, **headers)
        self.assertEqual(504, response.status_int)
        inner = json.loads(response.json['error_message'])
        self.assertEqual('Server', inner['faultcode'])
        return response

    def test_with_a_record(self) -> None:
        self.record()
        for method, headers in (
            ('later', {}),
            ('now', {'Prefer': 'respond-async'}),
            ('now', {'Idempotency_Key': 'k'}),
        ):
            self.bus.calls.clear()
            response = self.lose(method, **headers)
            self.assertEqual(self.location(), response.headers['Location'])

    def test_only_slow_calls_are_advised_to_be_accepted(self) -> None:
        for method, headers, advised in (
            ('now', {}, True),
            ('now', {'Idempotency_Key': 'k'}, True),
            ('now', {'Prefer': 'respond-async'}, False),
            ('later', {}, False),
        ):
            text = self.lose(method, **headers).json['error_message']
            self.assertIn('Request id: r', text)
            self.assertEqual(advised, 'Prefer: respond-async' in text, method)
        self.bus.result = errors.DuplicateCall()
        self.assertNotIn('respond-async', self.call('now').text)

    def test_without(self) -> None:
        self.assertNotIn('Location', self.lose().headers)
        self.operations.reads = 0
        self.record()
        self.assertNotIn('Location', self.lose('now').headers)
        self.assertEqual(0, self.operations.reads)

    def test_registry_unavailable(self) -> None:
        self.record()
        self.operations.unavailable = True
        self.assertNotIn('Location', self.lose().headers)
