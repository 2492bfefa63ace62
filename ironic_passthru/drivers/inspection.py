# SPDX-License-Identifier: Apache-2.0
"""Checks of the code of a driver that find mistakes before the first call."""

import difflib
import functools
import inspect
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

from ironic_passthru.drivers import base
from ironic_passthru.drivers import defaults
from ironic_passthru.drivers import layers
from ironic_passthru.drivers import problems

_WRONG_KINDS = {
    classmethod: 'a class method',
    functools.cached_property: 'a property',
    property: 'a property',
    staticmethod: 'a static method',
}

# Of 'pinn' to 'pin', for example: two names of which one may be a typo.
_SIMILARITY = 0.85

# Arguments that driver_validate always receives.
_PASSED = frozenset({'method', 'http_method'})
_VALIDATE_SIGNATURE = "write 'def driver_validate(self, method, **kwargs)'"


Published = tuple[base.Passthru, Callable[..., Any]]


def check_published(
    driver: str,
    interface: base.VendorInterface,
    published: Iterable[Published],
) -> Iterator[problems.Problem]:
    """Yield the objects of ``passthru_methods()`` that are not functions."""
    for mark, function in published:
        plain = inspect.unwrap(function)
        if inspect.isroutine(plain):
            continue
        kind = type(interface)
        hiding = [
            name
            for name, value in getattr(interface, '__dict__', {}).items()
            if value is function
        ]
        if hiding:
            yield problems.Problem(
                driver,
                mark.method,
                problems.place_of(getattr(kind, hiding[0])),
                f"the attribute '{hiding[0]}' of the instance hides it",
                'give the attribute another name',
            )
        else:
            yield problems.Problem(
                driver,
                mark.method,
                problems.place_of_class(kind),
                f'passthru_methods() returns a {type(plain).__name__} '
                'object for it',
                'return a method or a function',
            )


def check(
    driver: str,
    interface: base.VendorInterface,
    published: Sequence[Published],
) -> Iterator[problems.Problem]:
    """Yield the mistakes in the class of a driver."""
    kind = type(interface)
    hidden = dict(_hidden(kind))
    for attribute, reason in hidden.items():
        function = _plain(inspect.getattr_static(kind, attribute))
        place = problems.place_of(_marked_inside(function) or function)
        yield problems.Problem(driver, attribute, place, *reason)
    overrides = list(_overrides(kind))
    for attribute in overrides:
        yield problems.Problem(
            driver,
            attribute,
            problems.place_of(getattr(kind, attribute)),
            'it overrides a published method, but is not published',
            'decorate it with driver_passthru',
            'warning',
        )
    if not hidden and not published:
        yield problems.Problem(
            driver,
            None,
            problems.place_of_class(kind),
            f'class {kind.__name__} has no driver_passthru method',
            _remedy_of_none(kind, overrides),
        )
    yield from _check_validate(driver, interface)


def check_method(
    driver: str, mark: base.Passthru, function: Callable[..., Any]
) -> Iterator[problems.Problem]:
    """Yield the mistakes in a published function."""
    where = driver, mark.method, problems.place_of(function)

    def problem(
        message: str, remedy: str, level: problems.Level = 'error'
    ) -> problems.Problem:
        return problems.Problem(*where, message, remedy, level)

    if _is_asynchronous(function):
        yield problem(
            'it is asynchronous (async def), and would never run',
            "write 'def'; each call has its own thread",
        )
    elif inspect.isgeneratorfunction(function):
        yield problem(
            "it is a generator ('yield'), and would run after the call",
            'return a list',
        )
    parameters = _parameters(function)
    message = _without_self(function, parameters)
    if parameters is None or message:
        yield problem(message, 'add self')
        return
    first = parameters[0] if parameters else None
    if first and first.name == 'task' and first.annotation is first.empty:
        yield problem(
            "its parameter 'task' is that of a method of a node",
            "replace it by 'context': there are no nodes and no tasks",
        )
    yield from (
        problem(message, 'omit functools.wraps, or keep the parameters')
        for message in _changed_arguments(
            function, context_first=mark.context_first
        )
    )
    for message, remedy in (
        *_mutable_defaults(parameters),
        *_misspelled_secrets(mark, function),
    ):
        yield problem(message, remedy, 'warning')


def _misspelled_secrets(
    mark: base.Passthru, function: Callable[..., Any]
) -> Iterator[tuple[str, str]]:
    """Yield mistakes of secrets that resemble a parameter, and remedies.

    Without annotation of the result a secret may be a field of it.
    """
    signature = inspect.signature(function)
    names = set(signature.parameters)
    if signature.return_annotation is signature.empty:
        for secret in {*mark.secret} - names:
            for name in difflib.get_close_matches(
                secret, names, 1, _SIMILARITY
            ):
                yield (
                    f"its secret '{secret}' is not a parameter",
                    f"did you mean '{name}'? If it is a field of the result, "
                    'annotate the result',
                )


def _mutable_defaults(
    parameters: list[inspect.Parameter],
) -> Iterator[tuple[str, str]]:
    """Yield mistakes of defaults that a call can change, and remedies."""
    for parameter in parameters:
        if parameter.default is parameter.empty:
            continue
        if defaults.is_mutable(parameter.default):
            effect = 'each call receives a copy'
        elif defaults.is_shared(parameter.default):
            effect = 'all calls share it'
        else:
            continue
        yield (
            f"the default of parameter '{parameter.name}' can be changed; "
            f'{effect}',
            'use None or a tuple',
        )


def _is_asynchronous(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(
        function
    )


def _parameters(
    function: Callable[..., Any], *, follow_wrapped: bool = True
) -> list[inspect.Parameter] | None:
    """Return the parameters of a bound method; None if it lacks self."""
    try:
        signature = inspect.signature(function, follow_wrapped=follow_wrapped)
    except ValueError:
        return None
    return list(signature.parameters.values())


def _without_self(
    function: Callable[..., Any], parameters: list[inspect.Parameter] | None
) -> str:
    """Return the mistake if the first parameter is not meant as ``self``.

    Any unannotated name could be.
    """
    if parameters is None:
        return 'it has no parameter self'
    inner = inspect.unwrap(getattr(function, '__func__', function))
    if not inspect.isfunction(inner):
        return ''
    first = next(iter(inspect.signature(inner).parameters.values()), None)
    if first is None or first.name == 'self':
        return ''
    positional = first.kind in (
        first.POSITIONAL_ONLY,
        first.POSITIONAL_OR_KEYWORD,
    )
    annotated = first.annotation is not first.empty
    if positional and (annotated or first.name in base.CONTEXT_NAMES):
        return f"its first parameter '{first.name}' receives the driver itself"
    return ''


def _plain(static: Any) -> Any:
    """Return the function in a property, class method or static method."""
    for name in ('__func__', 'fget', 'func'):
        static = getattr(static, name, None) or static
    return static


def _hidden(kind: type) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield marked functions that cannot be published, and the reasons."""
    for attribute in dir(kind):
        static = inspect.getattr_static(kind, attribute, None)
        for wrong, name in _WRONG_KINDS.items():
            if isinstance(static, wrong) and (
                base.passthru_mark(_plain(static)) is not None
            ):
                yield (
                    attribute,
                    (f'it is {name}', 'make it a plain method with self'),
                )
        if inspect.isfunction(static) and (
            base.passthru_mark(static) is None
            and (inner := _marked_inside(static)) is not None
            and not _is_attribute(kind, inner)
        ):
            yield (
                attribute,
                (
                    'a decorator without functools.wraps hides '
                    'driver_passthru',
                    'write @driver_passthru above the other decorators',
                ),
            )


def _is_attribute(kind: type, function: Callable[..., Any]) -> bool:
    return any(
        inspect.getattr_static(kind, attribute, None) is function
        for attribute in dir(kind)
    )


def _marked_inside(function: Any) -> Callable[..., Any] | None:
    """Return the marked function that a decorator wraps, if any."""
    for cell in function.__closure__ or ():
        try:
            content = cell.cell_contents
        except ValueError:
            # The variable is not assigned yet.
            continue
        if inspect.isfunction(content) and (
            base.passthru_mark(content) is not None
        ):
            return content
    return None


def _overrides(kind: type) -> Iterator[str]:
    """Yield unmarked methods that override marked ones."""
    for attribute in dir(kind):
        static = inspect.getattr_static(kind, attribute, None)
        if inspect.isfunction(static) and (
            base.passthru_mark(static) is None
            and _marked_inside(static) is None
            and any(
                base.passthru_mark(vars(parent).get(attribute)) is not None
                for parent in kind.__mro__[1:]
            )
        ):
            yield attribute


def _remedy_of_none(kind: type, overrides: list[str]) -> str:
    if overrides:
        return f'decorate {", ".join(overrides)}: an override needs its own'
    own = [
        name
        for name, value in vars(kind).items()
        if inspect.isfunction(value)
        and not name.startswith('_')
        and not hasattr(base.VendorInterface, name)
    ]
    if own:
        return f'decorate the methods to publish (it has {", ".join(own)})'
    return 'decorate at least one method'


def _check_validate(
    driver: str, interface: base.VendorInterface
) -> Iterator[problems.Problem]:
    kind = type(interface)
    static = inspect.getattr_static(interface, 'driver_validate')
    if static is base.VendorInterface.driver_validate:
        validate = getattr(kind, 'validate', None)
        if inspect.isfunction(validate) and (
            validate.__module__ != 'ironic_passthru.compat.base'
        ):
            yield problems.Problem(
                driver,
                None,
                problems.place_of(validate),
                "'validate' checks methods of nodes and is not called",
                "check calls in 'driver_validate'",
                'warning',
            )
        return
    message = _wrong_validate(interface.driver_validate)
    if message:
        yield problems.Problem(
            driver,
            None,
            problems.place_of(_plain(static)),
            f"'driver_validate' {message}",
            _VALIDATE_SIGNATURE,
        )


def _wrong_validate(validate: Any) -> str | None:
    if not callable(validate):
        return 'is not a function'
    if _is_asynchronous(validate) or inspect.isgeneratorfunction(validate):
        return 'is asynchronous or a generator, and would never run'
    parameters = _parameters(validate)
    outer = _parameters(validate, follow_wrapped=False)
    by_position = layers.positional_names(validate)
    if parameters is None or outer is None or _PASSED & by_position:
        return 'has no parameter self'
    for parameter in (*parameters, *outer):
        if parameter.kind is parameter.POSITIONAL_ONLY:
            return f"requires '{parameter.name}' by position"
        if parameter.name not in _PASSED and (
            parameter.default is parameter.empty
            and parameter.kind
            not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        ):
            return f"requires '{parameter.name}', which a call may omit"
    return None


def _changed_arguments(
    function: Callable[..., Any], *, context_first: bool
) -> Iterator[str]:
    """Yield the parameters that a functools.wraps decorator changes."""
    outer = _parameters(function, follow_wrapped=False)
    inner = _parameters(function)
    if not outer or not inner or not hasattr(function, '__wrapped__'):
        return
    if context_first or inner[0].name in base.CONTEXT_NAMES:
        # The context is passed by position, so its names may differ.
        if outer[0].kind in (
            inspect.Parameter.KEYWORD_ONLY,
            inspect.Parameter.VAR_KEYWORD,
        ):
            yield 'a decorator does not accept the context by position'
        elif outer[0].kind is not inspect.Parameter.VAR_POSITIONAL:
            outer = outer[1:]
        inner = inner[1:]
    outer_names = {parameter.name for parameter in outer}
    inner_names = {parameter.name for parameter in inner}
    if not any(p.kind is p.VAR_KEYWORD for p in outer):
        for name in sorted(inner_names - outer_names):
            yield f"a decorator does not accept its parameter '{name}'"
    for parameter in outer:
        if (
            parameter.name not in inner_names
            and parameter.default is parameter.empty
            and parameter.kind
            not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        ):
            yield f"a decorator requires a parameter '{parameter.name}'"
