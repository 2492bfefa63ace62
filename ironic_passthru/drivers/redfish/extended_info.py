# SPDX-License-Identifier: Apache-2.0
"""Messages of a BMC in bodies of responses (DSP0266, extended information)."""

import re
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from ironic_passthru.drivers.redfish import failures
from ironic_passthru.drivers.redfish import resource
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

_REDACTED = '***'
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
            return self._search.redact(text[:_MAX_SEARCHED], _REDACTED)
        except search.TooMuch:
            return _REDACTED

    def all_of(
        self, document: Mapping[str, Any]
    ) -> tuple[failures.BmcMessage, ...]:
        """Return the messages of an error, at most 10."""
        body = resource.JsonObject(document)
        found = list(_error_messages(body))
        found += body.mappings(_ANNOTATION) or body.mappings('Messages')
        return self._clean(found)

    def rejections(
        self, document: Mapping[str, Any], changed: Mapping[str, Any] | None
    ) -> tuple[failures.BmcMessage, ...]:
        """Return the messages by which a 2xx response rejects a change.

        :param changed: the properties of a PATCH; ``None`` if messages about
            every property matter.
        """
        body = resource.JsonObject(document)
        found = [
            message
            for message in _error_messages(body)
            if _is_failure(message, by_default=True)
        ]
        annotations = [_ANNOTATION]
        annotations += [f'{name}{_ANNOTATION}' for name in changed or ()]
        found += [
            message
            for annotation in annotations
            for message in body.mappings(annotation)
            if _is_failure(message, by_default=False)
            and _concerns(message, changed)
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
        text = self.redact(message.text('MessageId') or '')
        return text if _IDENTIFIER.fullmatch(text) else 'unknown'


def _error_messages(
    body: resource.JsonObject,
) -> Iterator[resource.JsonObject]:
    """Yield the messages of the member ``error``."""
    error = body.value('error')
    if error is None:
        return
    inside = body.mappings('error', _ANNOTATION)
    if inside:
        yield from inside
        return
    yield resource.JsonObject(
        {
            'MessageId': body.value('error', 'code'),
            'Message': body.value('error', 'message'),
        }
    )


def _is_failure(message: resource.JsonObject, *, by_default: bool) -> bool:
    name = (message.text('MessageId') or '').rpartition('.')[2]
    if name in _BENIGN:
        return False
    severity = message.text('MessageSeverity') or message.text('Severity')
    return by_default if not severity else severity.upper() != 'OK'


def _concerns(
    message: resource.JsonObject, changed: Mapping[str, Any] | None
) -> bool:
    """Return whether a message is about a changed property."""
    pointers = [
        each.lstrip('#/').split('/')
        for each in message.texts('RelatedProperties')
    ]
    if changed is None or not pointers:
        return True
    paths = list(leaves(changed))
    return any(
        all(
            ours == theirs for ours, theirs in zip(path, pointer, strict=False)
        )
        for path in paths
        for pointer in pointers
    )


def leaves(change: Mapping[str, Any]) -> Iterator[list[str]]:
    """Yield the paths of all properties that a change sets."""
    for name, value in change.items():
        if isinstance(value, Mapping) and value:
            yield from ([name, *rest] for rest in leaves(value))
        else:
            yield [name]
