# SPDX-License-Identifier: Apache-2.0
"""CADF events of requests, which they neither delay nor break."""

import json
import pathlib
import threading
from typing import Any

import fixtures
import webob
from oslo_messaging.notify import _impl_test

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru.api import app
from ironic_passthru.api import audit_data
from ironic_passthru.api.auth import policy
from ironic_passthru.api.http import environ_keys
from ironic_passthru.api.middleware import cadf
from ironic_passthru.rpc import notifications
from ironic_passthru.tests import base
from ironic_passthru.tests.unit.api import fakes

ROOT = pathlib.Path(__file__).parents[5]
MAP = ROOT / 'etc/ironic_passthru/api_audit_map.conf'


class CadfCase(base.TestCase):
    """The layer, with the map that comes with the service."""

    def setUp(self) -> None:
        super().setUp()
        _impl_test.reset()
        self.addCleanup(_impl_test.reset)
        self.conf = self.make_conf(
            audit__cadf_map_file=str(MAP),
            api__public_endpoint='https://api.example.com',
        )
        notifications._register_options(self.conf)
        self.conf.set_override('driver', ['test'], group=notifications.GROUP)
        self.address = '192.0.2.7'
        self.answer: Any = webob.Response(status=202)
        self.seen: list[dict[str, Any]] = []
        self.layer = cadf.make(self.conf)
        self.addCleanup(self.layer.close)
        self.application = self.layer.wrap(self.answering)

    def answering(self, environ: dict[str, Any], start_response: Any) -> Any:
        self.seen.append(dict(environ))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer(environ, start_response)

    def ask(
        self, path: str, http_method: str = 'GET', **headers: str
    ) -> webob.Response:
        request = webob.Request.blank(path, method=http_method)
        for name, value in headers.items():
            request.headers[name.replace('_', '-')] = value
        request.environ |= {
            'REMOTE_ADDR': self.address,
            environ_keys.REQUEST_ID: 'req-1',
            environ_keys.CONTEXT: request_context.RequestContext(
                user_id='u1', user_name='alice', project_id='p1'
            ),
        }
        return request.get_response(self.application)

    def events(self) -> list[dict[str, Any]]:
        """Return the sent events, at the end of a test."""
        self.layer.close()
        return [event for _, event, _, _ in _impl_test.NOTIFICATIONS]


class TestEvents(CadfCase):
    """Contents of events."""

    def test_there_is_one_before_and_one_after(self) -> None:
        self.ask('/v1/drivers/d/vendor_passthru/m', 'PUT')
        before, after = self.events()
        self.assertEqual('audit.http.request', before['event_type'])
        self.assertEqual('audit.http.response', after['event_type'])
        self.assertEqual('pending', before['payload']['outcome'])
        self.assertEqual('success', after['payload']['outcome'])
        self.assertEqual('202', after['payload']['reason']['reasonCode'])
        self.assertEqual(before['payload']['id'], after['payload']['id'])

    def note(self, **noted: Any) -> None:
        """Set audit data in the application."""

        def answer(environ: dict[str, Any], start_response: Any) -> Any:
            found = audit_data.of(environ)
            for name, value in noted.items():
                setattr(found, name, value)
            return webob.Response()(environ, start_response)

        self.answer = answer

    def test_the_answer_has_the_targets_of_the_call(self) -> None:
        method = fakes.method('m', target=('bmc',))
        self.note(
            parameters={'bmc': 'b1'},
            method=method,
            reported_targets=['b2', 'b1'],
        )
        self.ask('/v1/drivers/d/vendor_passthru/m')
        before, after = self.events()
        self.assertNotIn('attachments', before['payload'])
        self.assertEqual(
            [
                {
                    'typeURI': 'mime:application/json',
                    'name': 'targets',
                    'content': ['b1', 'b2'],
                }
            ],
            after['payload']['attachments'],
        )
        json.dumps(after['payload'])

    def test_many_targets_are_cut(self) -> None:
        many = [f'node-{number}' for number in range(5000)]
        self.note(
            parameters={}, method=fakes.method('m'), reported_targets=many
        )
        self.ask('/v1/drivers/d/vendor_passthru/m')
        (one,) = self.events()[1]['payload']['attachments']
        self.assertLess(len(json.dumps(one)), 2048)
        self.assertRegex(one['content'][-1], r'^\.\.\. \d+ more$')

    def test_without_targets_there_is_no_attachment(self) -> None:
        self.note(parameters={}, method=fakes.method('m'))
        self.ask('/v1/drivers/d/vendor_passthru/m')
        self.assertNotIn('attachments', self.events()[1]['payload'])

    def test_targets_that_cannot_be_read_cost_no_call(self) -> None:
        log = self.useFixture(fixtures.FakeLogger())
        self.note(parameters=7, method=fakes.method('m'))
        answer = self.ask('/v1/drivers/d/vendor_passthru/m')
        self.assertEqual(200, answer.status_int)
        self.assertIn('A CADF event has no targets', log.output)
        self.assertEqual(2, len(self.events()))

    def test_initiator_action_and_target(self) -> None:
        self.ask('/v1/drivers/d/vendor_passthru/m', 'PUT')
        payload = self.events()[1]['payload']
        who = payload['initiator']
        self.assertEqual('u1', who['id'])
        self.assertEqual('alice', who['name'])
        self.assertEqual('p1', who['project_id'])
        self.assertEqual('req-1', who['request_id'])
        self.assertEqual('192.0.2.7', who['host']['address'])
        self.assertEqual('update/vendor_passthru', payload['action'])
        self.assertEqual(
            '/v1/drivers/d/vendor_passthru?method=m', payload['requestPath']
        )
        target = payload['target']
        self.assertEqual('ironic_passthru', target['name'])
        self.assertEqual(
            'service/baremetal/drivers/driver/vendor_passthru',
            target['typeURI'],
        )
        self.assertIn(
            {'name': 'public', 'url': 'https://api.example.com'},
            target['addresses'],
        )

    def test_an_invalid_address_is_left_out(self) -> None:
        self.address = 'forged'
        self.ask('/v1/drivers')
        who = self.events()[1]['payload']['initiator']
        self.assertNotIn('address', who['host'])

    def test_both_forms_of_a_call_are_one_action(self) -> None:
        self.ask('/v1/drivers/d/vendor_passthru/m', 'DELETE')
        self.ask('/v1/drivers/d/vendor_passthru?method=m', 'DELETE')
        found = {
            (event['payload']['action'], event['payload']['requestPath'])
            for event in self.events()
        }
        self.assertEqual(
            {
                (
                    'delete/vendor_passthru',
                    '/v1/drivers/d/vendor_passthru?method=m',
                )
            },
            found,
        )

    def test_reading_has_events_too(self) -> None:
        for path in ('/v1/drivers', '/v1/operations/o1'):
            self.ask(path)
        found = [
            (event['payload']['action'], event['payload']['target']['typeURI'])
            for event in self.events()[::2]
        ]
        self.assertEqual(
            [
                ('read/list', 'service/baremetal/drivers'),
                ('read', 'service/baremetal/operations/operation'),
            ],
            found,
        )

    def test_what_needs_no_login_has_none(self) -> None:
        self.ask('/')
        self.assertEqual([], self.events())

    def test_nothing_is_secret_or_forged(self) -> None:
        self.ask(
            '/v1/drivers/d/vendor_passthru/action?password=hunter2',
            'POST',
            X_Auth_Token='hunter2hunter2hunter2',
            X_User_Id='forged',
            X_Service_Catalog='forged',
            X_Forwarded_For='forged',
            Host='forged:99999',
        )
        events = self.events()
        self.assertEqual(2, len(events))
        self.assertNotIn('hunter', json.dumps(events))
        self.assertNotIn('forged', json.dumps(events))


class TestHarmless(CadfCase):
    """Requests and responses are not changed."""

    def test_the_application_gets_the_request_as_it_was(self) -> None:
        self.ask('/v1/drivers/d/vendor_passthru/m?x=1', 'PUT', Host='h:1')
        (seen,) = self.seen
        self.assertEqual('x=1', seen['QUERY_STRING'])
        self.assertEqual('/v1/drivers/d/vendor_passthru/m', seen['PATH_INFO'])
        self.assertEqual('h:1', seen['HTTP_HOST'])
        self.assertNotIn('HTTP_X_USER_ID', seen)

    def test_the_client_gets_the_answer_as_it_was(self) -> None:
        del self.answer.headers['Content-Type']
        answer = self.ask('/v1/drivers')
        self.assertEqual(202, answer.status_int)
        self.assertNotIn('Content-Type', answer.headers)

    def test_errors_go_on_to_the_layer_that_renders_them(self) -> None:
        self.answer = errors.BodyTooLarge(limit=1)
        self.assertRaises(errors.BodyTooLarge, self.ask, '/v1/drivers')
        self.assertEqual(1, len(self.seen))
        self.assertEqual('unknown', self.events()[1]['payload']['outcome'])

    def test_a_path_that_it_cannot_read_is_answered_all_the_same(self) -> None:
        log = self.useFixture(fixtures.FakeLogger(cadf.__name__))
        self.assertEqual(202, self.ask('/v1/drivers/%ff').status_int)
        self.assertEqual(1, len(self.seen))
        self.assertIn('A CADF event is lost: UnicodeDecodeError', log.output)

    def test_a_bus_that_hangs_delays_no_request(self) -> None:
        go_on = threading.Event()
        self.addCleanup(go_on.set)
        self.useFixture(
            fixtures.MonkeyPatch(
                'ironic_passthru.rpc.notifications.Notifier.send',
                lambda *_, **__: go_on.wait(20),
            )
        )
        for _ in range(10):
            self.assertEqual(202, self.ask('/v1/drivers').status_int)
        self.useFixture(
            fixtures.MonkeyPatch(
                'ironic_passthru.rpc.notifications._CLOSE_SECONDS', 0.1
            )
        )
        self.layer.close()


class TestConfiguration(CadfCase):
    """Values of ``[audit] cadf_map_file``."""

    def assert_refused(self, words: str) -> None:
        error = self.assertRaises(errors.ConfigError, cadf.make, self.conf)
        self.assertIn(words, error.message)

    def test_without_it_there_is_no_layer(self) -> None:
        self.conf.clear_override('cadf_map_file', group='audit')
        layer = cadf.make(self.conf)
        self.assertIs(fakes.method, layer.wrap(fakes.method))
        layer.close()

    def test_it_must_exist(self) -> None:
        self.conf.set_override('cadf_map_file', '/no/map', group='audit')
        self.assert_refused('/no/map: No such file or directory')

    def test_it_must_be_a_map(self) -> None:
        path = pathlib.Path(self.useFixture(fixtures.TempDir()).path) / 'map'
        path.write_text('no section\n')
        self.conf.set_override('cadf_map_file', str(path), group='audit')
        self.assert_refused('the file is not a mapping')

    def test_a_driver_is_required(self) -> None:
        self.conf.set_override('driver', [], group=notifications.GROUP)
        self.assert_refused('Option driver in group')

    def test_events_may_be_logged_instead(self) -> None:
        self.conf.set_override('driver', [], group=notifications.GROUP)
        self.conf.set_override(
            'use_oslo_messaging', False, group='audit_middleware_notifications'
        )
        log = self.useFixture(fixtures.FakeLogger('keystonemiddleware.audit'))
        self.layer = cadf.make(self.conf)
        self.application = self.layer.wrap(self.answering)
        self.ask('/v1/drivers')
        self.assertIn('audit.http.response', log.output)
        self.layer.close()


class TestPlace(fakes.ApplicationCase):
    """The position of the layer in the application."""

    def test_it_receives_authenticated_requests(self) -> None:
        seen: list[Any] = []

        class Layer(cadf.CADFSink):
            def wrap(self, application: Any) -> Any:
                def wrapped(environ: Any, start_response: Any) -> Any:
                    seen.append(environ[environ_keys.CONTEXT])
                    return application(environ, start_response)

                return wrapped

        self.application = app.make(
            self.conf,
            self.catalog,
            self.bus,  # type: ignore[arg-type]
            operations=self.operations,  # type: ignore[arg-type]
            policy=policy.Policy(self.conf),
            checks={},
            observers=app.Observers(events=Layer()),
        )
        self.ask('/v1/drivers')
        self.ask('/v1/drivers', X_OpenStack_Ironic_API_Version='9.9')
        self.assertEqual(1, len(seen))
