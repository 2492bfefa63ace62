# SPDX-License-Identifier: Apache-2.0
"""Load drivers, check and start them."""

import copy
import dataclasses
import difflib
import inspect
import re
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from oslo_config import cfg
from oslo_log import log

from ironic_passthru import errors
from ironic_passthru import spec
from ironic_passthru.drivers import base
from ironic_passthru.drivers import child_processes
from ironic_passthru.drivers import enabled
from ironic_passthru.drivers import entry_points
from ironic_passthru.drivers import inspection
from ironic_passthru.drivers import layers
from ironic_passthru.drivers import problems
from ironic_passthru.drivers import signature
from ironic_passthru.json_schema import schema_walker
from ironic_passthru.redaction import log_filter
from ironic_passthru.redaction import masking

LOG = log.getLogger(__name__)

_WILD = {'*': '.*', '?': '.'}


@dataclasses.dataclass(frozen=True)
class Method:
    """A method of a loaded driver.

    :param spec: the published description.
    :param function: the bound function.
    :param signature: its parameters.
    :param result: masks its results.
    """

    spec: spec.MethodSpec
    function: Callable[..., Any]
    signature: signature.Signature
    result: masking.Masker


@dataclasses.dataclass(frozen=True)
class Driver:
    """A loaded driver.

    :param name: its name in ``enabled_drivers``.
    :param interface: the only object of its class with this name.
    :param methods: its methods by name.
    :param validated: arguments of its ``driver_validate``.
    :param spec: the published description.
    """

    name: str
    interface: base.VendorInterface
    methods: Mapping[str, Method]
    validated: signature.Names
    spec: spec.DriverSpec


def load(conf: cfg.ConfigOpts) -> dict[str, Driver]:
    """Load and start the enabled drivers.

    :raises: ConfigError; DriverLoadError with the first failed driver and
        the reason.
    """
    loaded: dict[str, Driver] = {}
    try:
        with child_processes.Contained():
            for name, interface, own_conf in _interfaces(conf):
                if name in loaded:
                    raise errors.DriverLoadError(
                        driver=name,
                        reason='a driver and a hardware type of Ironic have '
                        'this name; disable one',
                    )
                loaded[name] = _started(name, interface, own_conf)
    except BaseException:
        stop(loaded.values())
        raise
    _warn_unused(conf.conductor.allowed_dangerous_methods, loaded.values())
    return loaded


def _warn_unused(patterns: Iterable[str], drivers: Iterable[Driver]) -> None:
    """Log patterns without a matching method, which may be typos."""
    dangerous = [
        (driver.name, name)
        for driver in drivers
        for name, method in driver.methods.items()
        if method.spec.dangerous
    ]
    for pattern in patterns:
        if not any(_allows(pattern, *names) for names in dangerous):
            LOG.warning(
                "[conductor] allowed_dangerous_methods: '%s' matches no "
                'dangerous method of an enabled driver',
                pattern,
            )


def _allows(pattern: str, driver: str, method: str) -> bool:
    """Return whether a pattern of ``driver.method`` matches a method.

    Both names may contain dots. They are matched separately, so that
    ``acme.*`` does not match methods of a driver ``acme.lab``.
    """
    dots = [place for place, mark in enumerate(pattern) if mark == '.']
    return pattern == '*' or any(
        _matches(pattern[:dot], driver)
        and _matches(pattern[dot + 1 :], method)
        for dot in dots
    )


def _matches(pattern: str, name: str) -> bool:
    expression = ''.join(_WILD.get(mark, re.escape(mark)) for mark in pattern)
    return bool(re.fullmatch(expression, name, re.DOTALL))


def stop(drivers: Iterable[Driver]) -> None:
    """Stop drivers in reverse order; log failures."""
    for driver in reversed(list(drivers)):
        try:
            with child_processes.Contained():
                driver.interface.stop()
        except KeyboardInterrupt:
            raise
        except BaseException:
            LOG.exception('Driver %s failed to stop', driver.name)


def _interfaces(
    conf: cfg.ConfigOpts,
) -> Iterator[tuple[str, base.VendorInterface, cfg.ConfigOpts]]:
    """Yield name, new interface and configuration of each driver.

    :raises: ConfigError, DriverLoadError.
    """
    drivers = enabled.drivers(conf)
    types = enabled.pairs(
        enabled.IRONIC_OPTION,
        conf.conductor.enabled_ironic_hardware_types,
        form='TYPE or TYPE:VENDOR_INTERFACE',
    )
    for driver in drivers:
        yield driver.name, driver.make(), driver.configuration(conf)
    if types:
        # It imports Ironic, if that is installed.
        from ironic_passthru.drivers.ironic import configuration

        configuration.load(conf)
        from ironic_passthru.drivers.ironic import hardware_types

        for name, interface in hardware_types.instances(types):
            yield name, interface, conf


def _started(
    name: str, interface: base.VendorInterface, conf: cfg.ConfigOpts
) -> Driver:
    # Libraries of vendors add log handlers when they are imported, and when
    # they are configured.
    log_filter.install()
    driver = make(
        name,
        interface,
        allowed=conf.conductor.allowed_dangerous_methods,
    )
    with entry_points.reported(name, 'start() failed'):
        interface.start(conf)
    log_filter.install()
    return driver


def make(
    name: str, interface: base.VendorInterface, *, allowed: Iterable[str] = ()
) -> Driver:
    """Build the driver ``name`` from an instance of its interface.

    :param allowed: patterns of ``driver.method``: dangerous methods that
        may be called.
    :raises: DriverLoadError with all mistakes in its code.
    """
    driver, found = _examine(name, interface, allowed=allowed)
    wrong = [each.text for each in found if each.level == 'error']
    if driver is None:
        reason = wrong[0] if len(wrong) == 1 else '\n  '.join(['', *wrong])
        raise errors.DriverLoadError(driver=name, reason=reason)
    for warning in found:
        LOG.warning('Possible mistake in the code of a driver: %s', warning)
    return driver


def examine(
    name: str, interface: base.VendorInterface
) -> list[problems.Problem]:
    """Return all mistakes in the code of a driver, which is not started.

    :raises: DriverLoadError if it is not a VendorInterface, or if its
        ``get_properties()`` fails.
    """
    return _examine(name, interface, allowed=())[1]


def _no_interface(kind: type) -> str:
    place = problems.place_of_class(kind)
    reason = f'{place}: {kind.__name__} is not a VendorInterface'
    if any(
        parent.__module__ == 'ironic.drivers.base' for parent in kind.__mro__
    ):
        return (
            f'{reason} of this service, but of Ironic; replace its imports: '
            "'ironic-passthru-driver port PATH' lists the lines"
        )
    return f'{reason}; inherit ironic_passthru.drivers.base.VendorInterface'


def _examine(
    name: str, interface: base.VendorInterface, *, allowed: Iterable[str]
) -> tuple[Driver | None, list[problems.Problem]]:
    """Return the driver, unless its code has errors, and all mistakes."""
    if not isinstance(interface, base.VendorInterface):
        raise errors.DriverLoadError(
            driver=name, reason=_no_interface(type(interface))
        )
    published = _published(name, interface)
    found = list(inspection.check(name, interface, published))
    methods, wrong = _methods(name, interface, published, allowed=allowed)
    found += wrong
    if any(each.level == 'error' for each in found):
        return None, found
    driver = Driver(
        name=name,
        interface=interface,
        methods=methods,
        validated=signature.Names.of(interface.driver_validate),
        spec=spec.DriverSpec(
            name=name,
            properties=_properties(name, interface),
            methods={m: method.spec for m, method in methods.items()},
        ),
    )
    return driver, found


def _published(
    name: str, interface: base.VendorInterface
) -> list[tuple[base.Passthru, Callable[..., Any]]]:
    """Return the methods of a driver: their marks and functions.

    :raises: DriverLoadError if they cannot be called.
    """
    place = problems.place_of(interface.passthru_methods)
    with entry_points.reported(name, 'passthru_methods() failed', place=place):
        published = []
        for mark, function in interface.passthru_methods():
            if not isinstance(mark, base.Passthru):
                kind = type(mark).__name__
                raise TypeError(f'a mark is a {kind} instead of a Passthru')
            published.append((mark, function))
    wrong = inspection.check_published(name, interface, published)
    for problem in wrong:
        raise errors.DriverLoadError(driver=name, reason=problem.text)
    return published


def _methods(
    name: str,
    interface: base.VendorInterface,
    published: Iterable[inspection.Published],
    *,
    allowed: Iterable[str],
) -> tuple[dict[str, Method], list[problems.Problem]]:
    """Return the methods without errors, and all mistakes."""
    found: list[problems.Problem] = []
    reserved = layers.positional_names(interface.driver_validate)
    methods: dict[str, Method] = {}
    for mark, function in published:
        first = methods.get(mark.method)
        if first and first.function == function:
            # The class has a second name for it.
            continue
        own = list(inspection.check_method(name, mark, function))
        if first:
            own.append(_duplicate(name, first, function))
        if not any(each.level == 'error' for each in own):
            try:
                methods[mark.method] = _method(
                    name,
                    mark,
                    function,
                    allowed=allowed,
                    reserved=reserved,
                )
            except _Rejected as error:
                own += error.problems
        found += own
    return methods, found


class _Rejected(Exception):
    """A method cannot be published."""

    def __init__(self, *found: problems.Problem) -> None:
        super().__init__(*found)
        self.problems = found


def _duplicate(
    driver: str, first: Method, function: Callable[..., Any]
) -> problems.Problem:
    return problems.Problem(
        driver,
        first.spec.name,
        problems.place_of(function),
        f'{problems.place_of(first.function)} has the same name',
        "give one of them another name with 'method='",
    )


def _method(
    driver: str,
    mark: base.Passthru,
    function: Callable[..., Any],
    *,
    allowed: Iterable[str],
    reserved: frozenset[str],
) -> Method:
    """Return a method that is published.

    :param reserved: names that its parameters cannot have.
    :raises: _Rejected.
    """
    place = problems.place_of(function)

    def problem(message: str, remedy: str = '') -> problems.Problem:
        return problems.Problem(driver, mark.method, place, message, remedy)

    try:
        call = signature.Signature(
            function, context_first=mark.context_first, reserved=reserved
        )
        schema = _with_secrets(call.schema(), mark.secret)
    except signature.SignatureError as error:
        raise _Rejected(problem(str(error))) from error
    returned = signature.result_schema(function)
    found = (
        *_wrong_targets(mark, schema),
        *_wrong_secrets(mark, schema, returned=returned),
    )
    wrong = [problem(message, remedy) for message, remedy in found]
    if wrong:
        raise _Rejected(*wrong)
    try:
        described = _spec(driver, mark, schema, allowed=allowed)
    except spec.InvalidSpec as error:
        raise _Rejected(problem(str(error))) from error
    return Method(
        spec=_documented(described, function, returned),
        function=function,
        signature=call,
        result=masking.Masker(returned, names=mark.secret, guess=False),
    )


def _spec(
    driver: str,
    mark: base.Passthru,
    schema: dict[str, Any],
    *,
    allowed: Iterable[str],
) -> spec.MethodSpec:
    """Return the description of a method.

    :raises: InvalidSpec.
    """
    described = spec.MethodSpec(
        name=mark.method,
        http_methods=mark.http_methods,
        async_call=mark.async_call,
        attach=mark.attach,
        description=mark.description,
        schema=schema,
        timeout=mark.timeout,
        target=mark.target,
        dangerous=mark.dangerous,
        allowed=not mark.dangerous
        or any(_allows(each, driver, mark.method) for each in allowed),
        secret=mark.secret,
        deprecated=mark.deprecated,
        examples=mark.examples,
    )
    try:
        for example in mark.examples:
            described.parameters.check(example)
    except errors.InvalidParameters as error:
        raise spec.InvalidSpec(
            f'an example is not valid: {error.message}'
        ) from error
    return described


def _documented(
    method: spec.MethodSpec,
    function: Callable[..., Any],
    returned: dict[str, Any],
) -> spec.MethodSpec:
    """Add what the function's docstring and result annotation state."""
    text = inspect.cleandoc(function.__doc__ or '')
    if method.attach:
        returned = signature.attachment_schema(function)
    return dataclasses.replace(
        method,
        result=returned,
        long_description=text.partition('\n')[2].strip(),
    )


def _with_secrets(
    schema: dict[str, Any], names: Iterable[str]
) -> dict[str, Any]:
    """Mark secret members as pydantic does; remove secret defaults.

    A member is marked under each of its aliases.
    """
    marked = copy.deepcopy(schema)
    declarations = list(_declarations(marked))
    by_name = masking.Masker(schema, names=names)
    for keyword, name, declared in declarations:
        if keyword == 'properties' and by_name.is_secret_name(name):
            declared['writeOnly'] = True
    masker = masking.Masker(marked, names=names)
    for _, _, declared in declarations:
        if 'default' in declared and masker.masks(
            declared['default'], declared
        ):
            del declared['default']
    return marked


def _declarations(schema: Any) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield keyword, name and schema of all named schemas, at any depth."""
    pending = [schema]
    while pending:
        part = pending.pop()
        if isinstance(part, list):
            pending.extend(part)
        if not isinstance(part, dict):
            continue
        pending.extend(part.values())
        for keyword in ('properties', '$defs'):
            found = part.get(keyword)
            # Not every member is a schema: defaults have any form.
            for name, declared in (
                found.items() if isinstance(found, dict) else ()
            ):
                if isinstance(declared, dict):
                    yield keyword, name, declared


def _wrong_secrets(
    mark: base.Passthru,
    schema: Mapping[str, Any],
    *,
    returned: Mapping[str, Any],
) -> Iterator[tuple[str, str]]:
    """Yield secrets that are neither parameters nor result fields."""
    parameters = schema_walker.SchemaWalker(schema)
    result = schema_walker.SchemaWalker(returned)
    for name in mark.secret:
        if name == masking.RESULT or parameters.may_contain(name):
            continue
        if mark.attach or not result.may_contain(name):
            known = [name for _, name, _ in _declarations([schema, returned])]
            yield (
                f"its secret '{name}' is neither a parameter nor a field of "
                'the result',
                _suggestion(name, known),
            )


def _wrong_targets(
    mark: base.Passthru, schema: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    """Yield targets that are not parameters."""
    takes_any = schema.get('additionalProperties') is not False
    for name in mark.target:
        if name in schema['properties']:
            continue
        if not takes_any or name in spec.RESERVED_NAMES:
            yield (
                f"its target '{name}' is not a parameter",
                _suggestion(name, schema['properties']),
            )


def _suggestion(name: str, known: Iterable[str]) -> str:
    names = sorted({*known})
    close = difflib.get_close_matches(name, names, 1)
    if close:
        return f"did you mean '{close[0]}'?"
    return f'there are: {", ".join(names)}' if names else 'no names exist'


def _properties(name: str, interface: base.VendorInterface) -> dict[str, str]:
    place = problems.place_of(interface.get_properties)
    with entry_points.reported(name, 'get_properties() failed', place=place):
        # None, as in Ironic, for no properties.
        properties = interface.get_properties() or {}
        if not isinstance(properties, Mapping):
            kind = type(properties).__name__
            raise TypeError(f'it returned a {kind} instead of a dictionary')
        return {str(key): str(text) for key, text in properties.items()}
