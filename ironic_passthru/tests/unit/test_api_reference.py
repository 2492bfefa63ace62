# SPDX-License-Identifier: Apache-2.0
"""The API reference has every route, parameter and status."""

import re
from typing import Any

from ironic_passthru import errors
from ironic_passthru.api.http import routes
from ironic_passthru.api.http import versions
from ironic_passthru.api.openapi import document
from ironic_passthru.api.openapi import responses
from ironic_passthru.api.openapi import surface
from ironic_passthru.tests import base
from ironic_passthru.tests import pages
from ironic_passthru.tests import reference

# Available without a login and the registry.
OPEN = ('/', '/v1', '/healthcheck')

# Bodies documented in other chapters, or without a schema.
NO_SAMPLE = (
    ('GET', '/v1/openapi.json'),
    ('GET', '/healthcheck'),
    ('METHOD', '/v1/drivers/{driver}/vendor_passthru/{method}'),
    ('GET', '/v1/operations/{operation}/result'),
    ('DELETE', '/v1/operations/{operation}'),
)

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
                for name, argument in surface.arguments(route).items()
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


class TestOpenAPI(base.TestCase):
    """The chapters and the OpenAPI document."""

    def setUp(self) -> None:
        super().setUp()
        self.document = document.build('http://h', 'noauth', ())
        self.operations = {
            (key, verb.upper()): operation
            for key in reference.ROUTES
            for verb, operation in self.document['paths'][key[1]].items()
            if key[0] in ('METHOD', verb.upper())
        }
        self.chapters = reference.chapters()

    def names(self, operation: dict[str, Any], where: str) -> set[str]:
        """Return the names of parameters in one location."""
        shared = self.document['components']['parameters']
        found = [
            shared[each['$ref'].rpartition('/')[2]] if '$ref' in each else each
            for each in operation['parameters']
        ]
        return {each['name'] for each in found if each['in'] == where}

    def headers(self, operation: dict[str, Any]) -> set[str]:
        """Return the headers of all responses that are not shared ones."""
        found = [*operation['responses'].values()]
        return {name for each in found for name in each.get('headers', ())}

    def members(self, part: Any) -> set[str]:
        """Return the names of all members that a schema describes."""
        if isinstance(part, list):
            return set().union(*map(self.members, part))
        if not isinstance(part, dict):
            return set()
        if '$ref' in part:
            name = part['$ref'].rpartition('/')[2]
            part = self.document['components']['schemas'][name]
        found = {*part.get('properties', ())}
        return found.union(*map(self.members, part.values()))

    def test_routes_and_verbs(self) -> None:
        """Each operation belongs to a route, and each route has its own."""
        count = sum(len(item) for item in self.document['paths'].values())
        self.assertEqual(count, len(self.operations))
        self.assertEqual(
            {
                (key, verb)
                for key in reference.ROUTES
                for verb in (
                    surface.CALL_VERBS if key[0] == 'METHOD' else key[:1]
                )
            },
            self.operations.keys(),
        )

    def test_statuses(self) -> None:
        for (key, verb), operation in self.operations.items():
            chapter = self.chapters[key]
            expected = chapter.success | chapter.refused | reference.always()
            found = {int(s) for s in operation['responses'] if s.isdigit()}
            # Not for the verbs of the operation.
            self.assertEqual(expected - {405}, found, (key, verb))

    def test_further_statuses_of_drivers(self) -> None:
        for (key, verb), operation in self.operations.items():
            documented = 'may define errors' in self.chapters[key].text
            self.assertEqual(
                documented, '4XX' in operation['responses'], (key, verb)
            )

    def test_parameters(self) -> None:
        common = {versions.HEADER}
        for (key, verb), operation in self.operations.items():
            chapter = self.chapters[key]
            for where in ('path', 'query', 'header'):
                expected = chapter.names('Request', where)
                if verb == 'GET':
                    expected.discard('Idempotency-Key')
                found = self.names(operation, where) - common
                self.assertEqual(expected, found, (key, verb))

    def test_headers_of_responses(self) -> None:
        common = {*responses.COMMON_HEADERS}
        self.assertLessEqual(
            {name.lower() for name in common},
            reference.headers('Response headers'),
        )
        for (key, verb), operation in self.operations.items():
            expected = self.chapters[key].names('Response', 'header')
            found = self.headers(operation) - common - {'Retry-After'}
            self.assertEqual(expected - {'Retry-After'}, found, (key, verb))

    def test_members_of_bodies(self) -> None:
        for (key, _), operation in self.operations.items():
            if key[1] == '/v1/openapi.json':
                # Described by OpenAPI.
                continue
            content = operation['responses']['200'].get('content', {})
            missing = self.chapters[key].names('Response', 'body')
            missing -= self.members(content)
            self.assertEqual(set(), missing, key)


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
                    {'Prefer', 'Idempotency-Key', 'Passthru-Conductor-Group'},
                    chapter.names('Request', 'header'),
                    path,
                )


class TestWatch(base.TestCase):
    """Check of responses in functional tests."""

    def watch(
        self,
        http_method: str,
        path: str,
        *,
        status: int,
        body: str = '',
        **headers: str,
    ) -> reference.Watch:
        def application(environ: dict[str, Any], start_response: Any) -> Any:
            start_response(
                f'{status} So it is',
                [(name.replace('_', '-'), v) for name, v in headers.items()],
            )
            return [body.encode()]

        watch = reference.Watch(application)
        environ = {'REQUEST_METHOD': http_method, 'PATH_INFO': path}
        list(watch(environ, lambda *_: None))
        return watch

    def test_documented_responses(self) -> None:
        for http_method, path, status, headers in (
            ('HEAD', '/v1/drivers/', 200, {'Vary': 'x'}),
            ('HEAD', '/', 405, {'Allow': 'x'}),
            ('PATCH', '/v1/drivers/d/vendor_passthru/m', 202, {}),
            ('HEAD', '/v1/drivers', 413, {}),
            ('GET', '/elsewhere', 299, {}),
            ('GET', '//', 404, {}),
        ):
            watch = self.watch(http_method, path, status=status, **headers)
            watch.check()

    def test_bodies(self) -> None:
        link = '{"href": "x", "rel": "self"}'
        for body, accepted in (
            ('{"drivers": []}', True),
            (f'{{"drivers": [{{"links": [{link}]}}]}}', True),
            ('{"drivers": [{"name": "d"}]}', False),
            ('{"drivers": [], "more": 1}', False),
            ('{"drivers": [{"links": [], "hosts": "h"}]}', False),
        ):
            watch = self.watch(
                'GET',
                '/v1/drivers',
                status=200,
                body=body,
                Content_Type='application/json',
            )
            if accepted:
                watch.check()
            else:
                self.assertRaisesRegex(AssertionError, r'200: \$', watch.check)

    def test_undocumented_responses(self) -> None:
        for http_method, path, status, headers in (
            ('GET', '/v1/drivers/', 201, {}),
            ('GET', '/v1/drivers', 200, {'Location': 'x'}),
            ('DELETE', '/v1/operations/o', 410, {}),
        ):
            watch = self.watch(http_method, path, status=status, **headers)
            self.assertRaisesRegex(AssertionError, 'not in the', watch.check)
