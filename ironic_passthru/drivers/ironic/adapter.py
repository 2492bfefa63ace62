# SPDX-License-Identifier: Apache-2.0
"""A driver that calls a vendor interface of Ironic."""

import functools
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any
from typing import NoReturn

from ironic.common import context as ironic_context
from ironic.common import exception as ironic_exception

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru.compat import exception as compat_exception
from ironic_passthru.drivers import base


class IronicContext(
    request_context.RequestContext, ironic_context.RequestContext
):
    """The context of a call with the attributes of Ironic's.

    It contains no token: tokens do not leave the API.
    """


class IronicVendor(base.VendorInterface):
    """The driver methods of a vendor interface of Ironic.

    :param vendor: an instance of a subclass of
        ``ironic.drivers.base.VendorInterface``.
    """

    def __init__(self, vendor: Any) -> None:
        self._vendor = vendor
        # The conductor passes the parameters that the function accepts.
        validate = _translated(vendor.driver_validate)
        self.driver_validate = validate  # type: ignore[method-assign]

    def passthru_methods(
        self,
    ) -> Iterator[tuple[base.Passthru, Callable[..., Any]]]:
        """Yield the routes that Ironic's decorator defines."""
        for name, route in self._vendor.driver_routes.items():
            function = route['func']
            docstring = (function.__doc__ or '').strip().partition('\n')[0]
            mark = base.Passthru(
                method=name,
                http_methods=tuple(route['http_methods']),
                async_call=bool(route['async']),
                description=route.get('description') or docstring,
                attach=bool(route.get('attach')),
                context_first=True,
            )
            yield mark, _with_context(function)

    def get_properties(self) -> dict[str, str]:
        """Return the properties of the vendor interface."""
        return self._vendor.get_properties() or {}


def _with_context(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that passes Ironic's kind of context."""
    call = _translated(function)

    @functools.wraps(function)
    def method(
        context: request_context.RequestContext, /, **parameters: Any
    ) -> Any:
        return call(context.convert(IronicContext), **parameters)

    return method


def _translated(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that raises the errors of this service."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except ironic_exception.IronicException as error:
            _raise(error)

    return call


def _raise(error: ironic_exception.IronicException) -> NoReturn:
    """Raise the error of this service that has the same meaning.

    It is the error that the vendor interface raises with the imports of
    :mod:`ironic_passthru.compat`.
    """
    kind = type(error)
    cause = error.__cause__
    if (
        kind is ironic_exception.VendorPassthruException
        and cause
        and (error.args[:1] == (cause,) or str(error) == str(cause))
    ):
        # Ironic's decorator quotes any exception, which clients must not see.
        raise cause
    if kind.__module__ == ironic_exception.__name__ and (
        error.code == kind.code
    ):
        raise getattr(compat_exception, kind.__name__)(str(error)) from error
    raise errors.DriverError(str(error), code=error.code) from error
