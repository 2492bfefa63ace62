# SPDX-License-Identifier: Apache-2.0
"""Messages of a BMC in bodies of responses (DSP0266, extended information)."""

import re
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from ironic_passthru.drivers.redfish import failures
from ironic_passthru.drivers.redfish import resource
from ironic_passthru.redaction import masking
from ironic_passthru.redaction import search

_ANNOTATION = '@Message.ExtendedInfo'
_MAX_MESSAGES = 10

_IDENTIFIER = re.compile(r'[A-Za-z0-9._-]{1,255}')

# Messages after which a change was made, or will be with the next reset.
# Many BMCs send them without a severity, or as a warning.
_BENIGN = frozenset(
    {
        'Created',
        'ExtendedInfo',
        'ResetRecommended',
        'ResetRequired',
        'Success',
        'SystemResetRequired',
    }
)

# Messages of the Base registry (DSP8011) by which a change was rejected, and
# which some BMCs send without a severity.
_REJECTING = re.compile(
    r'AccessDenied|ActionNotSupported|ActionParameter\w+|ArraySizeToo\w+|'
    r'Create(Failed|Limit)\w+|EmptyJSON|GeneralError|'
    r'Insufficient(Privilege|Storage)|InternalError|'
    r'Invalid(Index|JSON|Object|URI)|MalformedJSON|NoValidSession|'
    r'Operation(Failed|NotAllowed|Timeout)|Precondition(Failed|Required)|'
    r'Property(Duplicate|Missing|NotUpdated|NotWritable|Unknown|Value\w+)|'
    r'Resource(AlreadyExists|AtUri\w+|CannotBeDeleted|CreationConflict|'
    r'Exhaustion|InStandby|InUse|MissingAtURI|NotFound|NotWritable)|'
    r'Service(InUnknownState|ShuttingDown|TemporarilyUnavailable)|'
    r'StringValueToo\w+|UnrecognizedRequestBody'
)

_MAX_SEARCHED = 4000


class MessageReader:
    """Reads messages without secrets.

    :param secrets: texts that no message may contain.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = list(secrets)
        self._search: search.Search | None = None

    def add_secret(self, secret: str) -> None:
        """Redact a further text."""
        self._secrets.append(secret)
        self._search = None

    def redact(self, text: str) -> str:
        """Return the first 4000 characters of a text, without secrets.

        Some servers include the request in their messages.
        """
        if self._search is None:
            self._search = search.Search(self._secrets)
        try:
            return self._search.redact(text[:_MAX_SEARCHED], masking.MASK)
        except search.TooMuch:
            return masking.MASK

    def all_of(
        self, document: Mapping[str, Any]
    ) -> tuple[failures.BmcMessage, ...]:
        """Return the messages of an error, at most 10."""
        body = resource.JsonObject(document)
        found = list(_error_messages(body))
        found += _messages(body, _ANNOTATION) or _messages(body, 'Messages')
        return self._clean(found)

    def rejections(
        self, document: Mapping[str, Any], changed: Mapping[str, Any] | None
    ) -> tuple[failures.BmcMessage, ...]:
        """Return the messages by which a 2xx response rejects a change.

        :param changed: the properties of a PATCH; ``None`` if messages about
            every property matter.
        """
        body = resource.JsonObject(document)
        found = [each for each in _error_messages(body) if _is_failure(each)]
        # A task that succeeded may have warnings.
        found += [
            message
            for message in _messages(body, 'Messages')
            if _severity(message) == 'CRITICAL'
        ]
        properties = _Properties(changed)
        annotations = [_ANNOTATION]
        annotations += [f'{name}{_ANNOTATION}' for name in changed or ()]
        found += [
            message
            for annotation in annotations
            for message in _messages(body, annotation)
            if _is_failure(message) and properties.concern(message)
        ]
        return self._clean(found)

    def _clean(
        self, found: Iterable[resource.JsonObject]
    ) -> tuple[failures.BmcMessage, ...]:
        cleaned = [
            failures.BmcMessage(
                self._identifier(message),
                resource.printable(
                    self.redact(str(message.value('Message') or ''))
                )
                or '',
            )
            for message in list(found)[:_MAX_MESSAGES]
        ]
        return tuple(dict.fromkeys(cleaned))

    def _identifier(self, message: resource.JsonObject) -> str:
        text = self.redact(_message_id(message))
        return text if _IDENTIFIER.fullmatch(text) else 'unknown'


def _messages(
    body: resource.JsonObject, *names: str
) -> list[resource.JsonObject]:
    """Return messages; some BMCs send one object instead of a list."""
    if isinstance(body.value(*names), Mapping):
        return [body.mapping(*names)]
    return body.mappings(*names)


def _error_messages(
    body: resource.JsonObject,
) -> Iterator[resource.JsonObject]:
    """Yield the messages of the member ``error``."""
    error = body.value('error')
    if error is None:
        return
    inside = _messages(body, 'error', _ANNOTATION)
    if inside:
        yield from inside
        return
    yield resource.JsonObject(
        {
            'MessageId': body.value('error', 'code'),
            'Message': body.value('error', 'message'),
            # An error without messages is one, whatever its code.
            'Severity': 'Critical',
        }
    )


def _message_id(message: resource.JsonObject) -> str:
    # The second name is that of older versions of iLO.
    return message.text('MessageId') or message.text('MessageID') or ''


def _severity(message: resource.JsonObject) -> str:
    severity = message.text('MessageSeverity') or message.text('Severity')
    return (severity or '').upper()


def _is_failure(message: resource.JsonObject) -> bool:
    name = _message_id(message).rpartition('.')[2]
    if name in _BENIGN:
        return False
    severity = _severity(message)
    if not severity:
        return _REJECTING.fullmatch(name) is not None
    return severity in ('WARNING', 'CRITICAL')


class _Properties:
    """Properties of a change, to find messages about them.

    A hostile BMC may send many messages with many pointers, and a change may
    have a thousand properties, so they are not compared one by one.

    :param changed: ``None`` if every message matters.
    """

    def __init__(self, changed: Mapping[str, Any] | None) -> None:
        self._matters = changed is None
        self._paths = {tuple(path) for path in leaves(changed or {})}
        self._parents = {
            path[:length]
            for path in self._paths
            for length in range(len(path))
        }
        self._longest = max(map(len, self._paths), default=0)

    def concern(self, message: resource.JsonObject) -> bool:
        """Return whether a message is about one of the properties.

        An empty pointer refers to the whole resource.
        """
        pointers = message.texts('RelatedProperties')
        if self._matters or not pointers:
            return True
        return any(map(self._contain, pointers))

    def _contain(self, pointer: str) -> bool:
        path = pointer.rpartition('#')[2].split('/')
        parts = tuple(part for part in path if part)
        return parts in self._parents or any(
            parts[:length] in self._paths
            for length in range(1, self._longest + 1)
        )


def leaves(change: Mapping[str, Any]) -> Iterator[list[str]]:
    """Yield the paths of all properties that a change sets."""
    for name, value in change.items():
        if isinstance(value, Mapping) and value:
            yield from ([name, *rest] for rest in leaves(value))
        else:
            yield [name]
