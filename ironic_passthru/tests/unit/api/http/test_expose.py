# SPDX-License-Identifier: Apache-2.0
"""Tests of exposing functions with types."""

from typing import Any

import webob

from ironic_passthru import errors
from ironic_passthru.api.http import environ_keys
from ironic_passthru.api.http import expose
from ironic_passthru.api.http import versions
from ironic_passthru.api.v1 import types
from ironic_passthru.tests import base


class Controller:
    """A controller."""

    def _thing(self, request: Any, name: str) -> str:
        if name == 'nothing':
            raise errors.DriverNotFound(driver=name)
        return name.upper()

    @expose.expose(
        {str: str},
        subject=_thing,
        count=expose.Argument(int),
        new=expose.Argument(types.boolean, versions.APIVersion(1, 30)),
    )
    def show(
        self, request: Any, thing: str, count: int = 0, new: bool = False
    ) -> dict[str, str]:
        """Show the thing."""
        return {'thing': thing, 'count': str(count), 'new': str(new)}

    @expose.expose({str: str})
    def accept(self, request: Any) -> expose.ExposedResponse:
        """Return a status and headers."""
        return expose.ExposedResponse({'a': 'b'}, 202, {'Retry-After': '7'})


class TestExpose(base.TestCase):
    """Arguments of the method, and the errors that precede it."""

    def show(
        self,
        query: str = '',
        *,
        name: str = 'thing',
        minor: int = 30,
        accept: str | None = None,
    ) -> Any:
        request = webob.Request.blank('/')
        request.environ |= {
            environ_keys.QUERY: query,
            environ_keys.ACCEPT: accept,
            environ_keys.VERSION: versions.APIVersion(1, minor),
        }
        return Controller().show(request, webob.Response(), name).json

    def test_an_answer_with_a_status_and_headers(self) -> None:
        request = webob.Request.blank('/')
        request.environ |= {
            environ_keys.QUERY: '',
            environ_keys.ACCEPT: None,
            environ_keys.VERSION: versions.MAXIMUM,
        }
        response = Controller().accept(request, webob.Response())
        self.assertEqual(202, response.status_int)
        self.assertEqual({'a': 'b'}, response.json)
        self.assertEqual('7', response.headers['Retry-After'])
        self.assertEqual('application/json', response.content_type)

    def test_defaults(self) -> None:
        self.assertEqual(
            {'thing': 'THING', 'count': '0', 'new': 'False'}, self.show()
        )

    def test_arguments_have_their_types(self) -> None:
        self.assertEqual(
            {'thing': 'THING', 'count': '3', 'new': 'True'},
            self.show('count=3&new=yes'),
        )

    def test_a_wrong_value_is_named(self) -> None:
        for query in ('count=x', 'count=', 'new=perhaps'):
            error = self.assertRaises(errors.InvalidArgument, self.show, query)
            self.assertIn(query.partition('=')[0], error.message)

    def test_unknown_arguments_are_named(self) -> None:
        error = self.assertRaises(
            errors.UnexpectedArguments, self.show, 'a=1&count=1&b=2'
        )
        self.assertEqual(
            'Unexpected arguments: a, b. Allowed: count, new.', error.message
        )

    def test_which_fault_comes_first(self) -> None:
        for expected, query, more in (
            (errors.DriverNotFound, 'a=1&a=1', {'name': 'nothing'}),
            (errors.NotAcceptable, 'a=1', {'accept': 'text/html'}),
            (errors.FieldNotInVersion, 'a=1&new=x', {'minor': 29}),
            (errors.UnexpectedArguments, 'a=1&new=x', {}),
            (errors.InvalidArgument, 'new=x', {}),
        ):
            self.assertRaises(expected, self.show, query, **more)
