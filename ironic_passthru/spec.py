# SPDX-License-Identifier: Apache-2.0
"""Descriptions of drivers and methods that conductors publish."""

import dataclasses
import functools
import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

from ironic_passthru.fleet import selector
from ironic_passthru.redaction import call_secrets
from ironic_passthru.redaction import masking
from ironic_passthru.redaction import truncation
from ironic_passthru.validation import schema as parameter_schema

# Arguments of the call itself, so never parameters of a method.
RESERVED_NAMES = frozenset({'self', 'context', 'method', 'http_method'})

# Types of the fields that ``MethodSpec`` checks by isinstance().
_TYPES: dict[str, Any] = {
    'async_call': bool,
    'attach': bool,
    'description': str,
    'long_description': str,
    'deprecated': str | None,
    'dangerous': bool,
    'allowed': bool,
}


class InvalidSpec(ValueError):
    """A method or driver is invalid; ``str()`` is the reason."""


@dataclasses.dataclass(frozen=True)
class MethodSpec:
    """One vendor passthru method.

    :param name: name of the method.
    :param http_methods: supported HTTP methods, in upper case.
    :param async_call: whether the response (202) precedes the run.
    :param attach: whether the result is the raw body of the response.
    :param description: one line for users.
    :param schema: JSON Schema (2020-12) of the parameters, an object.
    :param timeout: timeout of a call in seconds; None for the default.
    :param target: names of the parameters that identify the hardware.
    :param dangerous: whether calls are refused unless ``[conductor]
        allowed_dangerous_methods`` matches the method.
    :param allowed: whether the configuration of the conductor allows calls;
        always true for methods that are not dangerous.
    :param secret: names of secret parameters and fields of the result, in
        addition to those that the schema marks.
    :param result: JSON Schema of the result; empty if it is unknown.
    :param long_description: text for users after the first line.
    :param deprecated: what to use instead; None if it is not deprecated.
    :param examples: parameters of example calls.
    :raises: InvalidSpec if a value has a wrong type.
    """

    name: str
    http_methods: tuple[str, ...]
    async_call: bool
    attach: bool
    description: str
    schema: Mapping[str, Any]
    timeout: float | None = None
    target: tuple[str, ...] = ()
    dangerous: bool = False
    allowed: bool = True
    secret: tuple[str, ...] = ()
    result: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    long_description: str = ''
    deprecated: str | None = None
    examples: tuple[Mapping[str, Any], ...] = ()

    def __post_init__(self) -> None:
        """Check the types: drivers and documents are not trusted."""
        for name, kind in _TYPES.items():
            value = getattr(self, name)
            if not isinstance(value, kind):
                raise InvalidSpec(
                    f"method '{self.name}': {name} must be of type "
                    f'{getattr(kind, "__name__", kind)}, not '
                    f'{type(value).__name__}'
                )
        if self.timeout is not None and not _is_duration(self.timeout):
            raise InvalidSpec(
                f"method '{self.name}': timeout must be a number of seconds "
                'above 0'
            )

    @functools.cached_property
    def parameters(self) -> parameter_schema.ParameterValidator:
        """Validator of the parameters."""
        return parameter_schema.ParameterValidator(
            self.name, self.schema, RESERVED_NAMES, secrets=self.secrets
        )

    def is_accepted(self, respond_async: bool) -> bool:
        """Return whether the response to a call precedes its run.

        :param respond_async: whether the client prefers it.
        """
        return self.async_call or respond_async

    def masked(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return ``parameters`` with ``***`` instead of secrets.

        :param parameters: JSON values that match the schema.
        """
        return self.secrets(parameters).masked

    def shown(
        self, parameters: Mapping[str, Any]
    ) -> tuple[dict[str, Any], int]:
        """Return an excerpt of ``parameters``, masked, in bounded time.

        :param parameters: JSON values that match the schema.
        :returns: the first parameters and those of targets; the number of
            omitted ones.
        """
        kept, omitted = truncation.readable(parameters, self.target)
        return self.masked(kept), omitted

    def secrets(
        self, parameters: Mapping[str, Any]
    ) -> call_secrets.CallSecrets:
        """Return the secrets of one call.

        :param parameters: JSON values that the driver cannot modify.
        """
        return call_secrets.CallSecrets(self.masker, parameters)

    @functools.cached_property
    def masker(self) -> masking.Masker:
        """Masker of the parameters."""
        return masking.Masker(self.schema, names=self.secret)

    @functools.cached_property
    def checked_result(self) -> Mapping[str, Any]:
        """JSON Schema of the result; empty if ``result`` is invalid.

        Documents are not trusted, and the check takes milliseconds.
        """
        try:
            parameter_schema.check_schema(self.result)
        except parameter_schema.InvalidSchema:
            return {}
        return self.result

    @functools.cached_property
    def selects_targets(self) -> bool:
        """Whether the parameters are those of ``fleet.selection.Selection``.

        Such a method returns the items of its targets by name, so that the
        parts of a call on several conductors can be merged.
        """
        return self.target == selector.NAMES and (
            self.schema.get('properties', {}).keys() >= selector.PARAMETERS
        )

    def targets(self, parameters: Mapping[str, Any]) -> frozenset[str]:
        """Return the targets of a call as text.

        Equal values of different parameters are the same target.
        """
        found: set[str] = set()
        for name in self.target:
            value = parameters.get(name)
            items = value if isinstance(value, list) else [value]
            found.update(_text(item) for item in items if item is not None)
        return frozenset(found)

    def to_document(self) -> dict[str, Any]:
        """Return the JSON form that :meth:`from_document` reads."""
        return {
            'http_methods': list(self.http_methods),
            'async': self.async_call,
            'attach': self.attach,
            'description': self.description,
            'schema': self.schema,
            'timeout': self.timeout,
            'target': list(self.target),
            'dangerous': self.dangerous,
            'allowed': self.allowed,
            'secret': list(self.secret),
            'result': self.result,
            'long_description': self.long_description,
            'deprecated': self.deprecated,
            'examples': list(self.examples),
        }

    @classmethod
    def from_document(
        cls, name: str, document: Mapping[str, Any]
    ) -> 'MethodSpec':
        """Return the spec of method ``name``; ignore unknown fields.

        :raises: InvalidSpec if the document is invalid.
        """
        _object(document, f"method '{name}'")
        try:
            schema = document['schema']
            parameter_schema.check_schema(schema)
            return cls(
                name=name,
                http_methods=_texts(document['http_methods'], 'http_methods'),
                async_call=document['async'],
                attach=document['attach'],
                description=document['description'],
                schema=schema,
                # Earlier releases do not publish these.
                timeout=document.get('timeout'),
                target=_texts(document.get('target', []), 'target'),
                dangerous=document.get('dangerous', False),
                allowed=document.get('allowed', True),
                secret=_texts(document.get('secret', []), 'secret'),
                result=_object(document.get('result', {}), 'result'),
                long_description=document.get('long_description', ''),
                deprecated=document.get('deprecated'),
                examples=tuple(
                    _object(example, 'an example')
                    for example in document.get('examples', [])
                ),
            )
        except parameter_schema.InvalidSchema as error:
            raise InvalidSpec(
                f"method '{name}': invalid JSON Schema: {error}"
            ) from None
        except KeyError as error:
            raise InvalidSpec(f"method '{name}': {error} is missing") from None

    def summary(self) -> dict[str, Any]:
        """Return the four fields of Ironic's list of methods."""
        return {
            'http_methods': list(self.http_methods),
            'async': self.async_call,
            'description': self.description,
            'attach': self.attach,
        }

    def details(self) -> dict[str, Any]:
        """Return the full description of a method for callers.

        The result schema of an attachment is a string, with
        ``contentMediaType`` if the media type is known.
        """
        return {
            **self.summary(),
            'long_description': self.long_description,
            'deprecated': self.deprecated,
            'parameters': self.schema,
            'examples': [self.masked(example) for example in self.examples],
            'result': self.result,
            'timeout': self.timeout,
            'target': list(self.target),
            'secret': list(self.secret),
            'dangerous': self.dangerous,
        }


@dataclasses.dataclass(frozen=True)
class DriverSpec:
    """One driver.

    :param name: name of the driver.
    :param properties: descriptions of the properties by name.
    :param methods: methods by name.
    """

    name: str
    properties: Mapping[str, str]
    methods: Mapping[str, MethodSpec]

    def to_document(self) -> dict[str, Any]:
        """Return the JSON form that :meth:`from_document` reads."""
        return {
            'properties': dict(self.properties),
            'methods': {
                name: method.to_document()
                for name, method in sorted(self.methods.items())
            },
        }

    @classmethod
    def from_document(
        cls, name: str, document: Mapping[str, Any]
    ) -> 'DriverSpec':
        """Return the spec of driver ``name``.

        :raises: InvalidSpec if the document is invalid.
        """
        _object(document, 'the document')
        methods, properties = (
            _object(document.get(key), f"'{key}'")
            for key in ('methods', 'properties')
        )
        texts = _texts([*properties.values()], 'the values of properties')
        return cls(
            name=name,
            properties=dict(zip(properties, texts, strict=True)),
            methods={
                m: MethodSpec.from_document(m, d) for m, d in methods.items()
            },
        )

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of name and document, in hexadecimal."""
        text = json.dumps([self.name, self.to_document()], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def _is_duration(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and value > 0 and math.isfinite(value)


def _object(value: Any, place: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidSpec(f'{place} must be an object')
    return value


def _texts(values: Any, place: str) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(
        isinstance(value, str) for value in values
    ):
        raise InvalidSpec(f'{place} must be a list of strings')
    return tuple(values)


def _text(value: Any) -> str:
    """Return the same text for values that a method does not distinguish."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        # An integer parameter accepts 7.0.
        value = int(value)
    return json.dumps(value, sort_keys=True)
