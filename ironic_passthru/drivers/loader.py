# SPDX-License-Identifier: Apache-2.0
"""Drivers by name: entry points loaded with stevedore and made ready."""

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

#: What a driver's own code may raise while it is loaded: SystemExit would
#: otherwise end the process without a word.
FAILURES = (Exception, SystemExit)


@dataclasses.dataclass(frozen=True)
class Method:
    """A method of a loaded driver.

    :param spec: what is published of it.
    :param function: the bound function.
    :param signature: how the function is called.
    :param result: masks what it returns.
    """

    spec: spec.MethodSpec
    function: Callable[..., Any]
    signature: signature.Signature
    result: masking.Masker


@dataclasses.dataclass(frozen=True)
class Driver:
    """A loaded driver.

    :param name: the name that it is enabled by.
    :param interface: its only instance.
    :param methods: what it offers, by name.
    :param validated: what its ``driver_validate`` looks at.
    :param spec: what is published of it.
    """

    name: str
    interface: base.VendorInterface
    methods: Mapping[str, Method]
    validated: signature.Names
    spec: spec.DriverSpec


def load(names: Iterable[str], conf: cfg.ConfigOpts) -> dict[str, Driver]:
    """Load and start the drivers ``names``.

    :raises: DriverLoadError naming the first one that fails, and why.
    """
    loaded: dict[str, Driver] = {}
    try:
        for name in dict.fromkeys(names):
            with child_processes.contained():
                loaded[name] = _load_one(name, conf)
    except BaseException:
        stop(loaded.values())
        raise
    _warn_of_unused(conf.conductor.allowed_dangerous_methods, loaded.values())
    return loaded


def _warn_of_unused(
    patterns: Iterable[str], drivers: Iterable[Driver]
) -> None:
    """Tell of entries that allow nothing: they may be slips of the pen."""
    dangerous = [
        (driver.name, name)
        for driver in drivers
        for name, method in driver.methods.items()
        if method.spec.dangerous
    ]
    for pattern in patterns:
        if not any(_allows(pattern, *names) for names in dangerous):
            LOG.warning(
                "[conductor] allowed_dangerous_methods: '%s' is no dangerous "
                'method of an enabled driver',
                pattern,
            )


def _allows(pattern: str, driver: str, method: str) -> bool:
    """Tell whether a pattern of ``driver.method`` means this method.

    Both names may hold dots. Each is matched by itself, or else ``acme.*``
    would mean the methods of a driver ``acme.lab``, too.
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
    """Stop drivers, the last one first; one that fails is logged."""
    for driver in reversed(list(drivers)):
        try:
            with child_processes.contained():
                driver.interface.stop()
        except FAILURES:
            LOG.exception('Driver %s failed to stop', driver.name)


def instance(name: str) -> Any:
    """Return a new instance of what the entry point ``name`` names.

    :raises: DriverLoadError if there is none, or if it fails.
    """
    try:
        # verify_requirements would search all installed packages once more.
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
    # Libraries of vendors add handlers of the log when they are imported, and
    # when they are set up.
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
    """Return the error that tells of another one, in one line."""
    text = ' '.join(str(error).split())
    kind = type(error).__name__
    return errors.DriverLoadError(driver=name, reason=f'{what}{kind}: {text}')


def _missing(name: str, error: ModuleNotFoundError) -> str:
    """Say what a driver lacks, and how to get it.

    A package has an extra of the name of a driver for what that one needs.
    """
    reason = f"the Python module '{error.name}' is not installed"
    for entry in metadata.entry_points(group=NAMESPACE, name=name):
        package = entry.dist
        if package and name in package.metadata.get_all('Provides-Extra', []):
            return f"{reason}: pip install '{package.name}[{name}]'"
    return reason


def _known() -> Iterable[str]:
    # stevedore would load all of them to tell their names.
    return metadata.entry_points(group=NAMESPACE).names


def make(
    name: str, interface: base.VendorInterface, *, allowed: Iterable[str] = ()
) -> Driver:
    """Build the driver ``name`` from an instance of its interface.

    :param allowed: patterns of ``driver.method``, of the dangerous methods
        that may be called.
    :raises: DriverLoadError if one of its methods cannot be offered.
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
    # Once: it takes longer than many a check does.
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
            or any(_allows(one, driver, mark.method) for one in allowed),
            secret=mark.secret,
        )
    except spec.InvalidSpec as error:
        raise errors.DriverLoadError(
            driver=driver, reason=str(error)
        ) from error


def _with_secrets(
    schema: dict[str, Any], names: Iterable[str]
) -> dict[str, Any]:
    """Mark secret members as pydantic does; publish no secret default."""
    marked: dict[str, Any] = _with_names(
        schema, masking.Masker(schema, names=names)
    )
    return _without_defaults(marked, masking.Masker(marked, names=names))


def _with_names(schema: Any, masker: masking.Masker) -> Any:
    """Return a copy of a schema that marks members whose name is secret.

    The mark applies to a member under each of its aliases.
    """
    copied = _copied(schema, _with_names, masker)
    for name, declared in _declared(copied, 'properties'):
        if masker.is_secret_name(name):
            declared['writeOnly'] = True
    return copied


def _without_defaults(schema: Any, masker: masking.Masker) -> Any:
    """Return a copy of a schema without defaults that contain a secret."""
    copied = _copied(schema, _without_defaults, masker)
    for _, declared in (
        *_declared(copied, 'properties'),
        *_declared(copied, '$defs'),
    ):
        if 'default' in declared and masker.masks(
            declared['default'], declared
        ):
            del declared['default']
    return copied


def _copied(
    schema: Any,
    copy: Callable[[Any, masking.Masker], Any],
    masker: masking.Masker,
) -> Any:
    if isinstance(schema, list):
        return [copy(one, masker) for one in schema]
    if isinstance(schema, dict):
        return {key: copy(part, masker) for key, part in schema.items()}
    return schema


def _declared(
    schema: Any, keyword: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield names and schemas of a keyword that contains schemas."""
    found = schema.get(keyword) if isinstance(schema, dict) else None
    for name, declared in found.items() if isinstance(found, dict) else ():
        # True and False are schemas, too.
        if isinstance(declared, dict):
            yield name, declared


def _check_secret(
    driver: str,
    mark: base.Passthru,
    schema: Mapping[str, Any],
    *,
    returned: Mapping[str, Any],
) -> None:
    """Refuse a secret that is found nowhere: it is misspelt."""
    taken = schema_walker.SchemaWalker(schema)
    given = schema_walker.SchemaWalker(returned)
    for name in mark.secret:
        if name == masking.RESULT or taken.may_contain(name):
            continue
        if mark.attach or not given.may_contain(name):
            raise errors.DriverLoadError(
                driver=driver,
                reason=f"method '{mark.method}': its secret '{name}' is "
                'neither a parameter nor a field of the result',
            )


def _check_target(
    driver: str, mark: base.Passthru, schema: Mapping[str, Any]
) -> None:
    """Refuse a target that a call can never have."""
    takes_any = schema.get('additionalProperties') is not False
    for name in mark.target:
        if name in schema['properties']:
            continue
        if not takes_any or name in spec.RESERVED_NAMES:
            raise errors.DriverLoadError(
                driver=driver,
                reason=f"method '{mark.method}': its target '{name}' is no "
                'parameter',
            )


def _properties(name: str, interface: base.VendorInterface) -> dict[str, str]:
    try:
        properties = interface.get_properties()
        return {str(key): str(text) for key, text in properties.items()}
    except FAILURES as error:
        raise failed(name, 'get_properties() failed: ', error) from error
