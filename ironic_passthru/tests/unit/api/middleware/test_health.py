# SPDX-License-Identifier: Apache-2.0
"""Tests of the health checks."""

from oslo_middleware.healthcheck import opts

from ironic_passthru import errors
from ironic_passthru.tests.unit.api import fakes


class TestHealth(fakes.ApplicationCase):
    """The short and the detailed health check."""

    def test_the_short_check(self) -> None:
        for path in ('/healthcheck', '/healthcheck/'):
            response = self.ask(path)
            self.assertEqual(200, response.status_int)
            self.assertEqual('OK', response.text)

    def test_the_short_check_needs_no_dependency(self) -> None:
        self.store.unavailable = True
        self.checks['database'] = self.fail  # type: ignore[assignment]
        self.assertEqual(200, self.ask('/healthcheck').status_int)

    def test_an_operator_can_take_a_process_out(self) -> None:
        group = 'healthcheck'
        self.conf.register_opts(opts.HEALTHCHECK_OPTS, group)
        self.conf.register_opts(opts.DISABLE_BY_FILE_OPTS, group)
        self.conf.set_override('backends', ['disable_by_file'], group)
        self.conf.set_override('disable_by_file_path', __file__, group)
        response = self.ask('/healthcheck')
        self.assertEqual(503, response.status_int)
        self.assertIn('Retry-After', response.headers)
        self.assertTrue(response.text)

    def test_process_details_are_hidden(self) -> None:
        self.conf.register_opts(opts.HEALTHCHECK_OPTS, 'healthcheck')
        self.conf.set_override('detailed', True, 'healthcheck')
        for accept in ('*/*', 'text/plain', 'text/html', 'application/json'):
            response = self.ask('/healthcheck', Accept=accept)
            self.assertEqual(200, response.status_int)
            for inside in ('Python', 'python', 'platform', 'Thread', '.py'):
                self.assertNotIn(inside, response.text, accept)

    def test_all_is_well(self) -> None:
        self.checks |= {'a': lambda: 'fine', 'b': lambda: 'good'}
        response = self.ask('/healthcheck/detailed')
        self.assertEqual(200, response.status_int)
        self.assertEqual(
            {
                'healthy': True,
                'checks': {
                    'a': {'healthy': True, 'detail': 'fine'},
                    'b': {'healthy': True, 'detail': 'good'},
                },
            },
            response.json,
        )

    def test_something_is_not(self) -> None:
        def away() -> str:
            raise errors.RegistryUnavailable()

        self.checks |= {'a': lambda: 'fine', 'b': away}
        response = self.ask('/healthcheck/detailed')
        self.assertEqual(503, response.status_int)
        self.assertEqual('2', response.headers['Retry-After'])
        self.assertIs(False, response.json['healthy'])
        self.assertIs(True, response.json['checks']['a']['healthy'])
        self.assertEqual(
            errors.RegistryUnavailable().message,
            response.json['checks']['b']['detail'],
        )

    def test_neither_version_nor_body_matters(self) -> None:
        response = self.ask(
            '/healthcheck',
            body=b'{',
            X_OpenStack_Ironic_API_Version='9.9',
            Content_Length='-1',
        )
        self.assertEqual(200, response.status_int)
