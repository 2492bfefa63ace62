# SPDX-License-Identifier: Apache-2.0
"""Replacement of ``ironic.common.exception``.

Every class of Ironic resolves, also those of other releases and of forks: a
name that is not defined in :mod:`ironic_passthru.errors` becomes a subclass of
the class that Ironic 39 derives it from, or of the class that its name
suggests, and has Ironic's HTTP status.
"""

import re
from typing import Any

from ironic_passthru import errors

# Base classes of names that do not show their base.
_BASES = {
    'ClientSideError': 'IronicException',
    'DracOperationError': 'DriverOperationError',
    'RedfishError': 'DriverOperationError',
    'RedfishConnectionError': 'RedfishError',
    'SNMPFailure': 'DriverOperationError',
    'InvalidInput': 'ClientSideError',
    'UnknownArgument': 'ClientSideError',
    'UnknownAttribute': 'ClientSideError',
    'ImageUnacceptable': 'IronicException',
    'InvalidImage': 'ImageUnacceptable',
    'ConsoleError': 'IronicException',
    'NoConsolePid': 'ConsoleError',
    'ConsoleSubprocessFailed': 'ConsoleError',
    'SwiftOperationError': 'IronicException',
    'SwiftObjectNotFoundError': 'SwiftOperationError',
    'HardwareInspectionFailure': 'IronicException',
    'InspectionRuleExecutionFailure': 'HardwareInspectionFailure',
    'NodeProtected': 'HTTPForbidden',
    'InvalidState': 'Conflict',
    'NodeAssociated': 'InvalidState',
    'PowerStateFailure': 'InvalidState',
    'DriverNotFoundInEntrypoint': 'DriverNotFound',
    'DuplicateNodeOnLookup': 'NodeNotFound',
    'ImageServiceAuthenticationRequired': 'ImageUnacceptable',
    'OciImageTagNotFound': 'ImageNotFound',
    'InvalidImageRef': 'InvalidParameterValue',
    **dict.fromkeys(
        (
            'ImageChecksumError',
            'ImageChecksumAlgorithmFailure',
            'ImageChecksumFileReadFailure',
            'ImageChecksumURLNotSupported',
            'ImageMatchFailure',
            'OciImageNotSpecific',
        ),
        'InvalidImage',
    ),
    **dict.fromkeys(
        (
            'ExclusiveLockRequired',
            'HTTPForbidden',
            'ImageNotAuthorized',
            'OperationNotPermitted',
        ),
        'NotAuthorized',
    ),
    **dict.fromkeys(('InstanceAssociated', 'VifInvalidForAttach'), 'Conflict'),
    **dict.fromkeys(
        (
            'BootModeNotAllowed',
            'ChassisNotEmpty',
            'IncompleteLookup',
            'NoFreePhysicalPorts',
            'NodeConsoleNotEnabled',
            'NodeInMaintenance',
            'NodeIsRetired',
            'NodeMaintenanceFailure',
            'NodeNotLocked',
            'PatchError',
            'PortgroupNotEmpty',
            'StepNotAllowed',
            'VifNotAttached',
        ),
        'Invalid',
    ),
    **dict.fromkeys(
        (
            'IncompatibleInterface',
            'InterfaceNotFoundInEntrypoint',
            'NoValidDefaultForInterface',
        ),
        'InvalidParameterValue',
    ),
    **dict.fromkeys(
        ('RuleActionExecutionFailure', 'RuleConditionCheckFailure'),
        'InspectionRuleExecutionFailure',
    ),
    **dict.fromkeys(
        (
            'TBNAttributeRetrievalException',
            'TBNComparatorCollectionTypeMismatch',
            'TBNComparatorPrefixMatchTypeMismatch',
            'TBNNoPortMatchesFound',
            'TBNNoTraitsApplicableToNode',
        ),
        'TraitBasedNetworkingException',
    ),
    'NoValidHost': 'NotFound',
    **dict.fromkeys(
        (
            'ConcurrentActionLimit',
            'ImageHostRateLimitFailure',
            'NoFreeConductorWorker',
            'NoFreeIPMITerminalPorts',
        ),
        'TemporaryFailure',
    ),
    **dict.fromkeys(
        (
            'CatalogNotFound',
            'ConfigNotFound',
            'Duplicate',
            'InvalidEndpoint',
            'InvalidIPAddress',
            'InvalidIPv4Address',
            'NodeTagNotFound',
            'PathNotFound',
        ),
        'IronicException',
    ),
}

# Statuses of classes whose base has another one.
_STATUSES = {
    'ClientSideError': 400,
    'ImageChecksumFileReadFailure': 503,
    'NotAcceptable': 406,
    'Unauthorized': 401,
}

_DEFINED = {
    name: value
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, errors.DriverError)
}

# Other names of these classes.
_DEFINED['BadRequest'] = errors.Invalid
_DEFINED['HTTPNotFound'] = errors.NotFound

_PATTERNS = (
    (re.compile(r'NotFound$'), 'NotFound'),
    (
        re.compile(
            r'(AlreadyExists|AlreadyAttached|Duplicate\w*|Locked|Conflict)$'
        ),
        'Conflict',
    ),
    (re.compile(r'^(Invalid|Malformed|Unsupported)'), 'Invalid'),
)

_CLASS_NAME = re.compile(r'[A-Z]\w*')
_WORD = re.compile(r'[A-Z]+(?=[A-Z][a-z]|\d|\b)|[A-Z]?[a-z]+|\d+')


def __getattr__(name: str) -> Any:
    """Return the exception class ``name``.

    :raises: AttributeError for a name that is not the name of a class.
    """
    if not _CLASS_NAME.fullmatch(name):
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    found = _DEFINED.get(name) or _make(name)
    # The next access does not call this function; another thread may have
    # made the class at the same time.
    return globals().setdefault(name, found)


def __dir__() -> list[str]:
    return sorted({*globals(), *_DEFINED, *_BASES})


class _Described:
    """Adds the arguments to the default message of an exception."""

    kwargs: dict[str, Any]
    _msg_fmt: str

    def _format(self) -> str:
        if not self._msg_fmt.endswith(':'):
            # A vendor's subclass has its own text.
            return errors.DriverError._format(self)  # type: ignore[arg-type]
        facts = ', '.join(
            f'{name}={value}' for name, value in self.kwargs.items()
        )
        text = self._msg_fmt.removesuffix(':')
        return f'{text}: {facts}' if facts else f'{text}.'


def _make(name: str) -> type[errors.DriverError]:
    parent = _base(name)
    base = globals().get(parent) or __getattr__(parent)
    words = ' '.join(_WORD.findall(name))
    members: dict[str, Any] = {
        '__module__': __name__,
        '__doc__': f"Ironic's ``{name}``.",
        '_msg_fmt': f'{words[:1]}{words[1:].lower()}:',
    }
    if name in _STATUSES:
        members['code'] = members['status'] = _STATUSES[name]
    bases = (base,) if issubclass(base, _Described) else (_Described, base)
    return type(name, bases, members)


def _base(name: str) -> str:
    if name in _BASES:
        return _BASES[name]
    for pattern, base in _PATTERNS:
        if pattern.search(name):
            return base
    return 'IronicException'
