# SPDX-License-Identifier: Apache-2.0
"""Compare responses with the API reference and the OpenAPI document.

A test fails if its service returns a status or a header that the reference
does not list, or a body that does not match its schema.
"""

import dataclasses
import functools
import pathlib
import re
from collections.abc import Callable
from collections.abc import Iterable
from typing import Any

import yaml

from ironic_passthru import errors
from ironic_passthru.api import audit_data
from ironic_passthru.api.http import routes
from ironic_passthru.tests import openapi_responses

PAGES = pathlib.Path(__file__).parents[2] / 'api-ref/source'

#: Verb and path of each chapter; a call takes any verb.
ROUTES = tuple(
    (route.http_methods[0] if route.http_methods else 'METHOD', route.path)
    for route in routes.ROUTES
)

_METHOD = re.compile(r'^\.\. rest_method:: (\S+) (\S+)$', re.M)
_ROW = re.compile(r'^   - ([\w-]+): (\w+)$', re.M)
_TERM = re.compile(r'^``([\w-]+)``$', re.M)

# Errors of drivers may have any error status.
_DRIVERS = (errors.DriverError, errors.VendorError)


@dataclasses.dataclass(frozen=True)
class Chapter:
    """The documentation of one route.

    :param text: text of the chapter.
    :param success: statuses of success.
    :param refused: error statuses.
    """

    text: str
    success: frozenset[int]
    refused: frozenset[int]

    def parameters(self, section: str) -> dict[str, dict[str, Any]]:
        """Return the documented parameters of a section.

        :param section: ``Request`` or ``Response``.
        """
        start = f'\n{section}\n{"-" * len(section)}\n'
        text = re.split(r'\n\w[\w ]*\n-+\n', self.text.partition(start)[2])[0]
        return {name: parameters()[key] for name, key in _ROW.findall(text)}

    def names(self, section: str, where: str) -> set[str]:
        """Return the names of a section's parameters in one location.

        :param where: ``path``, ``query``, ``header`` or ``body``.
        """
        return {
            name
            for name, parameter in self.parameters(section).items()
            if parameter['in'] == where
        }


@functools.cache
def parameters() -> dict[str, dict[str, Any]]:
    """Return the parameters by their keys."""
    return yaml.safe_load((PAGES / 'parameters.yaml').read_text())


@functools.cache
def chapters() -> dict[tuple[str, str], Chapter]:
    """Return the chapters by verb and path."""
    found = {}
    for page in PAGES.glob('*.inc'):
        parts = _METHOD.split(page.read_text())[1:]
        for http_method, path, text in zip(
            parts[::3], parts[1::3], parts[2::3], strict=True
        ):
            found[http_method, path.partition('?')[0]] = Chapter(
                text, _statuses(text, 'success'), _statuses(text, 'error')
            )
    return found


@functools.cache
def general() -> str:
    """Return the page about all routes."""
    return (PAGES / 'general.inc').read_text()


@functools.cache
def always() -> frozenset[int]:
    """Return the error statuses that any request may have."""
    return _statuses(general(), 'error')


@functools.cache
def headers(*sections: str) -> frozenset[str]:
    """Return the headers in sections about all routes, in lower case."""
    found: list[str] = []
    for section in sections:
        text = general().partition(f'\n{section}\n{"=" * len(section)}\n')[2]
        found += _TERM.findall(re.split(r'\n\w[\w ]*\n=+\n', text)[0])
    return frozenset(name.lower() for name in found)


def _statuses(text: str, kind: str) -> frozenset[int]:
    start = f'.. rest_status_code:: {kind} http-status.yaml\n\n'
    rows = text.partition(start)[2].partition('\n\n')[0]
    return frozenset(map(int, re.findall(r'^   - (\d{3})\b', rows, re.M)))


def find(http_method: str, path: str) -> tuple[str, str] | None:
    """Return the key of the chapter about a request, or None."""
    http_method = 'GET' if http_method == 'HEAD' else http_method
    if path.split('/')[1] in routes.RESOURCES:
        path = f'/v1{path}'
    fits = [
        found
        for found, route in zip(ROUTES, routes.ROUTES, strict=True)
        if route.pattern.fullmatch(path)
    ]
    for route in fits:
        if route[0] in (http_method, 'METHOD'):
            return route
    # Another HTTP method is rejected.
    return fits[0] if fits else None


class Watch:
    """Collect the responses of an application that are not documented.

    :param application: a WSGI application.
    """

    def __init__(self, application: Any) -> None:
        self._application = application
        self.undocumented: set[str] = set()

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        http_method = environ['REQUEST_METHOD']
        # Read before a layer moves parts of the path.
        route = find(http_method, environ.get('PATH_INFO') or '/')

        def start(
            status: str, answered: list[tuple[str, str]], *more: Any
        ) -> Any:
            names = {name.lower() for name, _ in answered}
            # Ironic documents its own responses.
            own = not audit_data.of(environ).forwarded
            if own and route and http_method != 'OPTIONS':
                raised = isinstance(audit_data.of(environ).error, _DRIVERS)
                self._look(route, int(status[:3]), names=names, raised=raised)
                if http_method != 'HEAD':
                    sent.append((int(status[:3]), dict(answered)))
            return start_response(status, answered, *more)

        def check(body: bytes) -> None:
            for status, answered in sent:
                self._compare(
                    route,
                    environ,
                    status,
                    media_type=answered.get('Content-Type', ''),
                    body=body,
                )

        sent: list[tuple[int, dict[str, str]]] = []
        return openapi_responses.Recorded(
            self._application(environ, start), check
        )

    def _compare(
        self,
        route: Any,
        environ: dict[str, Any],
        status: int,
        *,
        media_type: str,
        body: bytes,
    ) -> None:
        """Compare a response with the OpenAPI document."""
        found = openapi_responses.mistake(
            routes.ROUTES[ROUTES.index(route)],
            environ['REQUEST_METHOD'],
            status,
            media_type=media_type,
            body=body,
            method=audit_data.of(environ).method,
        )
        if found is not None:
            self.undocumented.add(f'{route}: {status}: {found[:500]}')

    def _look(
        self,
        route: tuple[str, str],
        status: int,
        *,
        names: set[str],
        raised: bool,
    ) -> None:
        chapter = chapters()[route]
        known = chapter.success | chapter.refused | always()
        if status not in known and not raised:
            self.undocumented.add(f'{route}: {status}')
        known_headers = headers('Response headers', 'Errors of all routes') | {
            name.lower() for name in chapter.names('Response', 'header')
        }
        for name in names - known_headers:
            self.undocumented.add(f'{route}: {status} with {name}')

    def check(self) -> None:
        """Fail if a response was not documented."""
        if self.undocumented:
            raise AssertionError(
                f'not in the API reference: {sorted(self.undocumented)}'
            )
