# SPDX-License-Identifier: Apache-2.0
"""The API reference has every route, parameter and status."""

import inspect
import re
from typing import Any

from ironic_passthru import errors
from ironic_passthru.api import health
from ironic_passthru.api.http import expose
from ironic_passthru.api.http import routes
from ironic_passthru.api.http import versions
from ironic_passthru.api.v1 import conductors
from ironic_passthru.api.v1 import drivers
from ironic_passthru.api.v1 import operations
from ironic_passthru.api.v1 import passthru
from ironic_passthru.api.v1 import root
from ironic_passthru.tests import base
from ironic_passthru.tests import pages
from ironic_passthru.tests import reference

CONTROLLERS = {
    'root': root.RootController,
    'drivers': drivers.DriversController,
    'passthru': passthru.PassthruController,
    'conductors': conductors.ConductorsController,
    'operations': operations.OperationsController,
    'health': health.HealthController,
}

# Available without a login and the registry.
OPEN = ('/', '/v1', '/healthcheck')

# Bodies documented in other chapters, or without a schema.
NO_SAMPLE = (
    ('GET', '/healthcheck'),
    ('METHOD', '/v1/drivers/{driver}/vendor_passthru/{method}'),
    ('GET', '/v1/operations/{operation}/result'),
    ('DELETE', '/v1/operations/{operation}'),
)

# Read by the handler itself.
BY_ITSELF = {
    'passthru.call_by_query': {'method': expose.Argument(str)},
    'passthru.methods': passthru.METHODS_ARGUMENTS,
}

# Set by servers or by authentication, with other header names.
_MADE = re.compile(r'HTTP_X_(?!OPENSTACK)|HTTP_OPENSTACK_SYSTEM|HTTP_REQUEST$')


def usual(http_method: str, path: str) -> set[int]:
    """Return the errors that every route of a kind has."""
    found = set()
    if path != '/healthcheck':
        found.add(406)
    if path not in OPEN:
        found |= {401, 403, 503}
    if '{' in path:
        found.add(404)
    # Other HTTP methods are calls of vendor methods.
    if http_method != 'METHOD' and not path.endswith('/methods'):
        found.add(405)
    return found


def arguments(target: str) -> dict[str, expose.Argument]:
    """Return the query parameters of a route."""
    name, _, method = target.partition('.')
    if not name:
        return {}
    handler = getattr(CONTROLLERS[name], method)
    declared = inspect.getclosurevars(handler).nonlocals
    return BY_ITSELF.get(target) or declared.get('arguments', {})


class TestChapters(base.TestCase):
    """api-ref/source/*.inc."""

    def setUp(self) -> None:
        super().setUp()
        self.chapters = reference.chapters()

    def test_every_route_has_one(self) -> None:
        self.assertEqual(set(reference.ROUTES), self.chapters.keys())

    def test_each_has_the_statuses_of_its_kind(self) -> None:
        """Functional tests find other statuses."""
        for (http_method, path), chapter in self.chapters.items():
            self.assertIn(200, chapter.success, path)
            missing = usual(http_method, path) - chapter.refused
            self.assertEqual(set(), missing, path)

    def test_every_status_can_be_answered(self) -> None:
        known = {
            kind.status
            for kind in vars(errors).values()
            if isinstance(kind, type)
            and issubclass(kind, errors.PassthruError)
        }
        documented = set(reference.always())
        for chapter in self.chapters.values():
            documented |= chapter.refused
        self.assertEqual(known, documented)

    def test_each_has_the_variables_of_its_path(self) -> None:
        for (_, path), chapter in self.chapters.items():
            names = set(re.findall(r'\{(\w+)\}', path))
            self.assertEqual(names, chapter.names('Request', 'path'), path)

    def test_each_has_its_query_parameters(self) -> None:
        for key, route in zip(reference.ROUTES, routes.ROUTES, strict=True):
            chapter = self.chapters[key]
            wanted = {
                name: argument.since
                for name, argument in arguments(route.controller).items()
            }
            documented = {
                name: versions.APIVersion(*map(int, since.split('.')))
                if (since := found.get('min_version'))
                else versions.MINIMUM
                for name, found in chapter.parameters('Request').items()
                if found['in'] == 'query'
            }
            self.assertEqual(wanted, documented, route.path)

    def test_each_with_a_schema_has_a_sample(self) -> None:
        for route, chapter in self.chapters.items():
            if route not in NO_SAMPLE:
                self.assertIn('literalinclude:: samples/', chapter.text, route)

    def test_every_sample_is_shown(self) -> None:
        text = ''.join(
            page.read_text() for page in reference.PAGES.glob('*.inc')
        )
        shown = set(re.findall(r'literalinclude:: samples/(\S+)', text))
        stored = {
            path.name for path in (reference.PAGES / 'samples').iterdir()
        }
        self.assertEqual(stored, shown)

    def test_every_parameter_is_shown(self) -> None:
        text = ''.join(
            page.read_text() for page in reference.PAGES.glob('*.inc')
        )
        used = set(re.findall(r'^   - [\w-]+: (\w+)$', text, re.M))
        self.assertEqual(set(), reference.parameters().keys() - used)


class TestRequestHeaders(base.TestCase):
    """Headers that the code reads."""

    def test_each_is_described(self) -> None:
        text = ''.join(
            path.read_text()
            for path in (pages.ROOT / 'ironic_passthru/api').rglob('*.py')
        )
        names = {
            name.removeprefix('HTTP_').replace('_', '-').lower()
            for name in re.findall(r"'(HTTP_[A-Z_]+[A-Z])'", text)
            if not _MADE.match(name)
        }
        self.assertIn('accept', names)
        documented = reference.headers('Request headers')
        # Documented for audit and for other services.
        self.assertEqual(set(), names - documented - {'user-agent'})

    def test_calls_have_theirs(self) -> None:
        for (http_method, path), chapter in reference.chapters().items():
            if http_method == 'METHOD':
                self.assertEqual(
                    {'Prefer', 'Idempotency-Key'},
                    chapter.names('Request', 'header'),
                    path,
                )


class TestWatch(base.TestCase):
    """Check of responses in functional tests."""

    def watch(
        self, http_method: str, path: str, *, status: int, **headers: str
    ) -> reference.Watch:
        def application(environ: dict[str, Any], start_response: Any) -> Any:
            start_response(
                f'{status} So it is',
                [(name.replace('_', '-'), v) for name, v in headers.items()],
            )
            return []

        watch = reference.Watch(application)
        environ = {'REQUEST_METHOD': http_method, 'PATH_INFO': path}
        watch(environ, lambda *_: None)
        return watch

    def test_documented_responses(self) -> None:
        for http_method, path, status, headers in (
            ('GET', '/v1/drivers/', 200, {'Vary': 'x'}),
            ('HEAD', '/', 405, {'Allow': 'x'}),
            ('PATCH', '/v1/drivers/d/vendor_passthru/m', 202, {}),
            ('GET', '/v1/drivers', 413, {}),
            ('GET', '/elsewhere', 299, {}),
            ('GET', '//', 404, {}),
        ):
            watch = self.watch(http_method, path, status=status, **headers)
            watch.check()

    def test_undocumented_responses(self) -> None:
        for http_method, path, status, headers in (
            ('GET', '/v1/drivers/', 201, {}),
            ('GET', '/v1/drivers', 200, {'Location': 'x'}),
            ('DELETE', '/v1/operations/o', 410, {}),
        ):
            watch = self.watch(http_method, path, status=status, **headers)
            self.assertRaisesRegex(AssertionError, 'not in the', watch.check)
