# SPDX-License-Identifier: Apache-2.0
"""Load drivers from entry points, check and start them."""

import copy
import dataclasses
import re
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from importlib import metadata
from typing import Any

import stevedore
from oslo_config import cfg
from oslo_log import log

from ironic_passthru import errors
from ironic_passthru import spec
from ironic_passthru.drivers import base
from ironic_passthru.drivers import child_processes
from ironic_passthru.drivers import signature
from ironic_passthru.redaction import log_filter
from ironic_passthru.redaction import masking
from ironic_passthru.redaction import schema_walker

LOG = log.getLogger(__name__)

NAMESPACE = 'ironic_passthru.drivers'

_WILD = {'*': '.*', '?': '.'}

#: Exceptions of a driver's code that are reported as errors of the driver.
FAILURES = (Exception, SystemExit)


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
    :param interface: its only instance.
    :param methods: its methods by name.
    :param validated: arguments of its ``driver_validate``.
    :param spec: the published description.
    """

    name: str
    interface: base.VendorInterface
    methods: Mapping[str, Method]
    validated: signature.Names
    spec: spec.DriverSpec


def load(names: Iterable[str], conf: cfg.ConfigOpts) -> dict[str, Driver]:
    """Load and start the drivers ``names``.

    :raises: DriverLoadError with the first failed driver and the reason.
    """
    loaded: dict[str, Driver] = {}
    try:
        for name in dict.fromkeys(names):
            with child_processes.contained():
                loaded[name] = _load_one(name, conf)
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
            with child_processes.contained():
                driver.interface.stop()
        except FAILURES:
            LOG.exception('Driver %s failed to stop', driver.name)


def instance(name: str) -> Any:
    """Return a new instance of the class of an entry point.

    :raises: DriverLoadError if it does not exist or fails.
    """
    try:
        # Without verify_requirements, which searches all packages again.
        return stevedore.DriverManager(
            NAMESPACE, name, invoke_on_load=True
        ).driver
    except stevedore.exception.NoMatches:
        known = ', '.join(sorted(_known())) or 'none'
        raise errors.DriverLoadError(
            driver=name,
            reason=f'no such entry point in {NAMESPACE} (there are: {known})',
        ) from None
    except ModuleNotFoundError as error:
        raise errors.DriverLoadError(
            driver=name, reason=_missing(name, error)
        ) from error
    except FAILURES as error:
        raise failed(name, '', error) from error


def _load_one(name: str, conf: cfg.ConfigOpts) -> Driver:
    interface = instance(name)
    # Libraries of vendors add log handlers when they are imported, and when
    # they are configured.
    log_filter.install()
    driver = make(
        name,
        interface,
        allowed=conf.conductor.allowed_dangerous_methods,
    )
    try:
        interface.start(conf)
    except errors.ConfigError:
        raise
    except FAILURES as error:
        raise failed(name, 'start() failed: ', error) from error
    log_filter.install()
    return driver


def failed(
    name: str, what: str, error: BaseException
) -> errors.DriverLoadError:
    """Return a DriverLoadError with another error in one line."""
    text = ' '.join(str(error).split())
    kind = type(error).__name__
    return errors.DriverLoadError(driver=name, reason=f'{what}{kind}: {text}')


def _missing(name: str, error: ModuleNotFoundError) -> str:
    """Return which module is missing, and how to install it.

    The extra with the requirements of a driver has the driver's name.
    """
    reason = f"the Python module '{error.name}' is not installed"
    for entry in metadata.entry_points(group=NAMESPACE, name=name):
        package = entry.dist
        if package and name in package.metadata.get_all('Provides-Extra', []):
            return f"{reason}: pip install '{package.name}[{name}]'"
    return reason


def _known() -> Iterable[str]:
    # stevedore would load all entry points to list their names.
    return metadata.entry_points(group=NAMESPACE).names


def make(
    name: str, interface: base.VendorInterface, *, allowed: Iterable[str] = ()
) -> Driver:
    """Build the driver ``name`` from an instance of its interface.

    :param allowed: patterns of ``driver.method``: dangerous methods that
        may be called.
    :raises: DriverLoadError if one of its methods cannot be published.
    """
    if not isinstance(interface, base.VendorInterface):
        raise errors.DriverLoadError(
            driver=name,
            reason=f'{type(interface).__name__} is not a VendorInterface',
        )
    methods: dict[str, Method] = {}
    for attribute in dir(type(interface)):
        mark = base.passthru_mark(getattr(type(interface), attribute, None))
        if mark is None:
            continue
        if mark.method in methods:
            raise errors.DriverLoadError(
                driver=name, reason=f"two methods are called '{mark.method}'"
            )
        function = getattr(interface, attribute)
        methods[mark.method] = _method(name, mark, function, allowed=allowed)
    return Driver(
        name=name,
        interface=interface,
        methods=methods,
        validated=_validated(name, interface),
        spec=spec.DriverSpec(
            name=name,
            properties=_properties(name, interface),
            methods={m: method.spec for m, method in methods.items()},
        ),
    )


def _validated(name: str, interface: base.VendorInterface) -> signature.Names:
    # Once per driver: inspection is slower than many checks.
    try:
        return signature.Names.of(interface.driver_validate)
    except signature.SignatureError as error:
        raise errors.DriverLoadError(
            driver=name, reason=f'driver_validate(): {error}'
        ) from error


def _method(
    driver: str,
    mark: base.Passthru,
    function: Callable[..., Any],
    *,
    allowed: Iterable[str],
) -> Method:
    try:
        call = signature.Signature(function)
        schema = _with_secrets(call.schema(), mark.secret)
    except signature.SignatureError as error:
        raise errors.DriverLoadError(
            driver=driver, reason=f"method '{mark.method}': {error}"
        ) from error
    returned = signature.result_schema(function)
    _check_target(driver, mark, schema)
    _check_secret(driver, mark, schema, returned=returned)
    return Method(
        spec=_spec(driver, mark, schema, allowed=allowed),
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
    try:
        return spec.MethodSpec(
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
        )
    except spec.InvalidSpec as error:
        raise errors.DriverLoadError(
            driver=driver, reason=str(error)
        ) from error


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


def _check_secret(
    driver: str,
    mark: base.Passthru,
    schema: Mapping[str, Any],
    *,
    returned: Mapping[str, Any],
) -> None:
    """Reject a secret that is neither a parameter nor a result field."""
    parameters = schema_walker.SchemaWalker(schema)
    result = schema_walker.SchemaWalker(returned)
    for name in mark.secret:
        if name == masking.RESULT or parameters.may_contain(name):
            continue
        if mark.attach or not result.may_contain(name):
            raise errors.DriverLoadError(
                driver=driver,
                reason=f"method '{mark.method}': its secret '{name}' is "
                'neither a parameter nor a field of the result',
            )


def _check_target(
    driver: str, mark: base.Passthru, schema: Mapping[str, Any]
) -> None:
    """Reject a target that is not a parameter."""
    takes_any = schema.get('additionalProperties') is not False
    for name in mark.target:
        if name in schema['properties']:
            continue
        if not takes_any or name in spec.RESERVED_NAMES:
            raise errors.DriverLoadError(
                driver=driver,
                reason=f"method '{mark.method}': its target '{name}' is not "
                'a parameter',
            )


def _properties(name: str, interface: base.VendorInterface) -> dict[str, str]:
    try:
        properties = interface.get_properties()
        return {str(key): str(text) for key, text in properties.items()}
    except FAILURES as error:
        raise failed(name, 'get_properties() failed: ', error) from error
