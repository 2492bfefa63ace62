# SPDX-License-Identifier: Apache-2.0
"""Interface of drivers, its decorator and types of results.

Vendor interfaces written for Ironic use ``ironic_passthru.compat``.
"""

import copy
import dataclasses
import inspect
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from collections.abc import Set
from typing import Any
from typing import TypeVar

from oslo_config import cfg

HTTP_METHODS = ('GET', 'POST', 'PUT', 'DELETE', 'PATCH')

#: Longest ``timeout`` of a method, in seconds: thirty days.
MAX_TIMEOUT_SECONDS = 30 * 24 * 60 * 60

#: Names of a first parameter that receives the context.
CONTEXT_NAMES = ('context', 'ctx', 'ctxt')

#: Media types of attachments without an own one, by type.
MEDIA_TYPES: Mapping[Any, str] = {
    str: 'text/plain; charset=utf-8',
    bytes: 'application/octet-stream',
}

_MARK = '_driver_passthru'

_Function = TypeVar('_Function', bound=Callable[..., Any])


@dataclasses.dataclass(frozen=True)
class Passthru:
    """The arguments of the decorator of one function.

    :param context_first: whether the first parameter of the function receives
        the context, whatever its name, as in Ironic.
    """

    http_methods: tuple[str, ...]
    method: str
    async_call: bool
    description: str
    attach: bool
    timeout: float | None = None
    target: tuple[str, ...] = ()
    dangerous: bool = False
    secret: tuple[str, ...] = ()
    context_first: bool = False
    deprecated: str | None = None
    examples: tuple[Mapping[str, Any], ...] = ()

    def __post_init__(self) -> None:
        """Normalize the HTTP methods.

        :raises: ValueError for a name that is not one of HTTP_METHODS.
        """
        names = _http_methods(self.http_methods)
        object.__setattr__(self, 'http_methods', names)


@dataclasses.dataclass(frozen=True)
class Attachment:
    """The result of an ``attach`` method that names its own media type.

    :param data: body of the response.
    :param media_type: value of Content-Type; by default ``text/plain;
        charset=utf-8`` for text and ``application/octet-stream`` for bytes.
    :param filename: name under which a client should save it.
    """

    data: str | bytes
    media_type: str | None = None
    filename: str | None = None


def driver_passthru(
    http_methods: Sequence[str],
    method: str | None = None,
    async_call: bool = True,
    description: str | None = None,
    attach: bool = False,
    *,
    timeout: float | None = None,
    target: str | Sequence[str] | None = None,
    dangerous: bool = False,
    secret: str | Sequence[str] | None = None,
    deprecated: str | None = None,
    examples: Sequence[Mapping[str, Any]] = (),
) -> Callable[[_Function], _Function]:
    """Publish the decorated function as a vendor passthru method.

    The parameters of the method are those of the function. Annotations
    become the JSON Schema of requests; a parameter without annotation
    accepts any JSON value, and ``**kwargs`` accepts any name. The arguments
    ``context`` and ``http_method`` are passed by the conductor and are not
    parameters.

    :param http_methods: allowed HTTP methods, of GET, POST, PUT, DELETE and
        PATCH.
    :param method: name of the method; by default the function's.
    :param async_call: whether a call is acknowledged (202) before it runs.
    :param description: one line of text; by default the first line of the
        docstring.
    :param attach: whether the result (text, bytes or an
        :class:`Attachment`) is the raw body of the response.
    :param timeout: maximum duration of a call in seconds, up to thirty
        days; by default ``[api] call_timeout``. The API waits as long, and
        the deadline of the call follows from it.
    :param target: name, or names, of the parameters that name the hardware
        of a call. Calls for one target are limited (``[conductor]
        target_limit``). The value of such a parameter is one target, or a
        list of targets, or ``null`` for no target.
    :param dangerous: whether the method can cause damage that no other call
        can undo. Calls are rejected (403) unless ``[conductor]
        allowed_dangerous_methods`` contains the method.
    :param secret: name, or names, of secret parameters and of secret fields
        of the result, at any depth; ``return`` is the result as a whole.
        Types of pydantic (``SecretStr``, ``SecretBytes``, ``Secret[...]``)
        have the same effect. The method and the caller of a synchronous
        method receive the real values; records, logs and error texts show
        ``***``.
    :param deprecated: what callers should use instead of the method.
    :param examples: parameters of example calls, which clients show. They
        must be valid parameters.
    :raises: ValueError for an argument with an invalid value, and for an
        object that is not a plain function.
    """
    allowed = _http_methods(http_methods)
    for argument, value in (
        ('method', method),
        ('description', description),
        ('deprecated', deprecated),
    ):
        if not isinstance(value, str | None):
            raise ValueError(f'{argument} must be a string, not {value!r}')
    flags = {
        'async_call': async_call,
        'attach': attach,
        # A name or a list is meant for ``secret``, but would be true.
        'dangerous': dangerous,
    }
    for argument, flag in flags.items():
        if not isinstance(flag, bool):
            raise ValueError(f'{argument} must be a boolean, not {flag!r}')
    _check_timeout(timeout)
    targets = _names('target', target)
    secrets = _names('secret', secret)
    shown = _examples(examples)

    def decorate(function: _Function) -> _Function:
        if not inspect.isroutine(function) or isinstance(
            function, staticmethod | classmethod
        ):
            raise ValueError(
                'driver_passthru decorates functions, not '
                f'{type(function).__name__} objects: decorate a plain method '
                'with the parameter self'
            )
        docstring = (function.__doc__ or '').strip().partition('\n')[0]
        mark = Passthru(
            http_methods=allowed,
            method=method or function.__name__,
            async_call=async_call,
            description=docstring if description is None else description,
            attach=attach,
            timeout=timeout,
            target=targets,
            dangerous=dangerous,
            secret=secrets,
            deprecated=deprecated,
            examples=shown,
        )
        set_mark(function, mark)
        return function

    return decorate


def _http_methods(value: Any) -> tuple[str, ...]:
    """Return the HTTP methods in upper case, those of a set in fixed order.

    :raises: ValueError.
    """
    if inspect.isroutine(value):
        raise ValueError(
            "driver_passthru needs arguments: write @driver_passthru(['POST'])"
        )
    valid = isinstance(value, Sequence | Set) and not isinstance(value, str)
    names = list(value) if valid else []
    if not all(isinstance(name, str) for name in names):
        names = []
    allowed = tuple(dict.fromkeys(name.upper() for name in names))
    if not allowed or not {*allowed} <= {*HTTP_METHODS}:
        raise ValueError(
            f'http_methods must be a list out of {", ".join(HTTP_METHODS)}, '
            f'not {value!r}'
        )
    if isinstance(value, Set):
        # The order of a set differs between processes.
        return tuple(sorted(allowed, key=HTTP_METHODS.index))
    return allowed


def _check_timeout(timeout: Any) -> None:
    if timeout is None:
        return
    number = isinstance(timeout, int | float) and not isinstance(timeout, bool)
    # NaN compares false with everything, so it is rejected, too.
    if not number or not 0 < timeout <= MAX_TIMEOUT_SECONDS:
        raise ValueError(
            'timeout must be a number of seconds above 0, up to '
            f'{MAX_TIMEOUT_SECONDS}, not {timeout!r}'
        )


def _names(argument: str, value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    names = [value] if isinstance(value, str) else value
    if (
        not isinstance(names, Sequence)
        or not names
        or not all(isinstance(name, str) and name for name in names)
    ):
        raise ValueError(
            f'{argument} must be a name or a list of names, not {value!r}'
        )
    return tuple(dict.fromkeys(names))


def _examples(value: Any) -> tuple[Mapping[str, Any], ...]:
    if not isinstance(value, Sequence) or not all(
        isinstance(example, Mapping) for example in value
    ):
        raise ValueError(
            f'examples must be a list of dictionaries, not {value!r}'
        )
    return tuple(copy.deepcopy(dict(example)) for example in value)


def passthru(*_args: Any, **_kwargs: Any) -> Callable[[_Function], _Function]:
    """Ignore a passthru method of a node; only drivers' are published.

    Vendor interfaces of Ironic often contain both kinds.
    """
    return lambda function: function


def set_mark(function: object, mark: Passthru) -> None:
    """Publish a function with the arguments of :func:`driver_passthru`."""
    setattr(function, _MARK, mark)


def passthru_mark(function: object) -> Passthru | None:
    """Return the arguments of :func:`driver_passthru`, or None."""
    mark = getattr(function, _MARK, None)
    # Proxies of remote servers, for example, have every attribute.
    return mark if isinstance(mark, Passthru) else None


class VendorInterface:
    """A driver: vendor passthru methods and their shared state.

    One instance serves all calls, from several threads at once.
    """

    def start(self, conf: cfg.ConfigOpts) -> None:
        """Prepare for calls; runs once, before the first call.

        :param conf: the configuration of the service.
        :raises: ConfigError to stop the start of the conductor.
        """

    def stop(self) -> None:
        """Release all resources; runs after the last call."""

    def passthru_methods(
        self,
    ) -> Iterable[tuple[Passthru, Callable[..., Any]]]:
        """Return the methods to publish: their marks and bound functions.

        By default these are the methods with :func:`driver_passthru`, in
        the order of their names. A driver that finds its methods elsewhere
        can return others.
        """
        for attribute in dir(type(self)):
            mark = passthru_mark(getattr(type(self), attribute, None))
            if mark is not None:
                yield mark, getattr(self, attribute)

    def get_properties(self) -> dict[str, str]:
        """Return the properties of the driver with their descriptions."""
        return {}

    def get_targets(self) -> Mapping[str, Iterable[str]] | None:
        """Return the targets that this driver serves now, with their tags.

        The conductor reads them every ``[conductor] targets_interval``
        seconds, and publishes changes: calls for a target are sent to the
        conductors that serve it. It must return at once. None, the default,
        publishes nothing: any conductor with the driver gets a call.

        :returns: tags by name of the target; each name, and each tag, has 1
            to 255 characters.
        :raises: TemporaryFailure if the targets are not known yet.
        """
        return None

    def driver_validate(self, method: str, **kwargs: Any) -> None:
        """Check the parameters of a call beyond their types.

        It runs before the method does and, for asynchronous methods, before
        the call is accepted. All arguments are passed by name; an override
        may omit ``method``, and receives only the parameters that it accepts.

        :param method: name of the method.
        :param kwargs: its parameters, converted to the declared types, and
            ``http_method``.
        :raises: InvalidParameterValue or MissingParameterValue.
        """
