# SPDX-License-Identifier: Apache-2.0
"""Replacement of ``ironic.common.exception``.

Every class of Ironic resolves, also those of other releases and of forks. It
is a subclass of the class of this name in :mod:`ironic_passthru.errors`, if
there is one, and of the class that Ironic 39 derives it from, or that its name
suggests. Its ``code`` is the HTTP status, as in Ironic; clients receive the
``code`` of :mod:`ironic_passthru.errors`.
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

_NATIVE = {
    name: value
    for name, value in vars(errors).items()
    if isinstance(value, type)
    and issubclass(value, errors.DriverError)
    and value is not errors.DriverError
}

# Other names of these classes.
_ALIASES = {
    'BadRequest': 'Invalid',
    'DriverError': 'IronicException',
    'HTTPNotFound': 'NotFound',
}

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
    alias = _ALIASES.get(name)
    found = _class(alias) if alias else _make(name)
    # The next access does not call this function; another thread may have
    # made the class at the same time.
    return globals().setdefault(name, found)


def __dir__() -> list[str]:
    return sorted({*globals(), *_NATIVE, *_ALIASES, *_BASES})


class IronicException(errors.DriverError):
    """Base class of the exceptions, whose ``code`` is the HTTP status.

    :param message: message for the client; by default ``_msg_fmt`` formatted
        with ``kwargs``.
    :param code: HTTP status of this exception.
    """

    code = errors.DriverError.status
    _client_code: str = errors.DriverError.code

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = vars(cls)
        if 'status' in own and 'code' not in own:
            # A class that follows the interface of this service.
            cls.code = cls.status

    @property
    def client_code(self) -> str:
        """The code for clients; another status has another meaning."""
        if self.code == type(self).status:
            return self._client_code
        return super().client_code

    def _format(self) -> str:
        """Return the message; a default one contains the arguments."""
        if not self._msg_fmt.endswith(':'):
            # A class of this service, or a vendor's, has its own text.
            return super()._format()
        details = ', '.join(
            f'{name}={value}' for name, value in self.kwargs.items()
        )
        text = self._msg_fmt.removesuffix(':')
        return f'{text}: {details}' if details else f'{text}.'


def _class(name: str) -> type[IronicException]:
    found: type[IronicException] = globals().get(name) or __getattr__(name)
    return found


def _make(name: str) -> type[IronicException]:
    members: dict[str, Any] = {
        '__module__': __name__,
        '__doc__': f"Ironic's ``{name}``.",
    }
    native = _NATIVE.get(name)
    if native:
        members['status'] = native.status
        members['_client_code'] = native.code
        base = _class(native.__mro__[1].__name__)
        return type(name, (native, base), members)
    words = ' '.join(_WORD.findall(name))
    members['_msg_fmt'] = f'{words[:1]}{words[1:].lower()}:'
    if name in _STATUSES:
        members['status'] = _STATUSES[name]
        members['_client_code'] = errors.VendorError.code
    return type(name, (_class(_base(name)),), members)


def _base(name: str) -> str:
    if name in _BASES:
        return _BASES[name]
    for pattern, base in _PATTERNS:
        if pattern.search(name):
            return base
    return 'IronicException'
