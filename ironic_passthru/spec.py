# SPDX-License-Identifier: Apache-2.0
"""What a conductor publishes of its drivers and the API reads."""

import dataclasses
import functools
import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

from ironic_passthru.redaction import call_secrets
from ironic_passthru.redaction import masking
from ironic_passthru.redaction import truncation
from ironic_passthru.validation import schema as parameter_schema

# These names can never be parameters: they are how a method is called.
RESERVED_NAMES = frozenset({'self', 'context', 'method', 'http_method'})

# Members of a method's document that are not lists, and their types.
_TYPES = {
    'async_call': bool,
    'attach': bool,
    'description': str,
    'dangerous': bool,
    'allowed': bool,
}


class InvalidSpec(ValueError):
    """A method or driver cannot be offered; ``str()`` states the reason."""


@dataclasses.dataclass(frozen=True)
class MethodSpec:
    """One vendor passthru method.

    :param name: name by which it is called.
    :param http_methods: the verbs that it takes, in upper case.
    :param async_call: whether it is answered 202 before it has run.
    :param attach: whether its result is the raw body of the answer.
    :param description: one line for people.
    :param schema: JSON Schema (2020-12) of its parameters, an object.
    :param timeout: seconds that a call may take, if the method says so.
    :param target: names of the parameters that say which hardware is meant.
    :param dangerous: whether it is refused unless ``[conductor]
        allowed_dangerous_methods`` names it.
    :param allowed: whether the conductor that published this lets it be
        called; always true for what is not dangerous.
    :param secret: names of parameters and of fields of the result that are
        secret besides those that the schema marks.
    :raises: InvalidSpec if a value is of another type.
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

    def __post_init__(self) -> None:
        """Check the types of values, which drivers and documents give."""
        for name, kind in _TYPES.items():
            value = getattr(self, name)
            if not isinstance(value, kind):
                raise InvalidSpec(
                    f"method '{self.name}': {name} must be of type "
                    f'{kind.__name__}, not {type(value).__name__}'
                )
        if self.timeout is not None and not _is_duration(self.timeout):
            raise InvalidSpec(
                f"method '{self.name}': timeout must be a number of seconds "
                'above 0'
            )

    @functools.cached_property
    def parameters(self) -> parameter_schema.ParameterValidator:
        """The schema made ready to check parameters with."""
        return parameter_schema.ParameterValidator(
            self.name, self.schema, RESERVED_NAMES, secrets=self.secrets
        )

    def is_accepted(self, respond_async: bool) -> bool:
        """Tell whether a call is acknowledged before it runs.

        :param respond_async: whether its client prefers that.
        """
        return self.async_call or respond_async

    def masked(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return ``parameters`` with ``***`` in the place of secrets.

        :param parameters: JSON values that fit the schema.
        """
        return self.secrets(parameters).masked

    def shown(self, parameters: Mapping[str, Any]) -> tuple[dict, int]:
        """Return of ``parameters`` what fits into an excerpt, masked.

        It takes about as long whatever they hold.

        :param parameters: JSON values that fit the schema.
        :returns: the first ones, those that name targets, and how many are
            left out.
        """
        kept, more = truncation.readable(parameters, self.target)
        return self.masked(kept), more

    def secrets(
        self, parameters: Mapping[str, Any]
    ) -> call_secrets.CallSecrets:
        """Return the object that knows the secrets of one call.

        :param parameters: JSON values that no code of a driver can change.
        """
        return call_secrets.CallSecrets(self.masker, parameters)

    @functools.cached_property
    def masker(self) -> masking.Masker:
        """What masks its parameters."""
        return masking.Masker(self.schema, names=self.secret)

    def targets(self, parameters: Mapping[str, Any]) -> frozenset[str]:
        """Return the hardware that a call is for, each piece as text.

        The text is the value alone, so that it is the same target whichever
        parameter names it.
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
        }

    @classmethod
    def from_document(
        cls, name: str, document: Mapping[str, Any]
    ) -> 'MethodSpec':
        """Build the spec of method ``name`` from its JSON form.

        Members of other releases are ignored.

        :raises: InvalidSpec if the document must not be used.
        """
        _require_object(document, f"method '{name}'")
        try:
            schema = document['schema']
            parameter_schema.check_schema(schema)
            return cls(
                name=name,
                http_methods=_texts(document['http_methods']),
                async_call=document['async'],
                attach=document['attach'],
                description=document['description'],
                schema=schema,
                # Earlier conductors publish none of these.
                timeout=document.get('timeout'),
                target=_texts(document.get('target', [])),
                dangerous=document.get('dangerous', False),
                allowed=document.get('allowed', True),
                secret=_texts(document.get('secret', [])),
            )
        except parameter_schema.InvalidSchema as error:
            raise InvalidSpec(
                f"method '{name}': its JSON Schema is wrong: {error}"
            ) from None
        except KeyError as error:
            raise InvalidSpec(f"method '{name}': {error} is missing") from None

    def summary(self) -> dict[str, Any]:
        """Return what Ironic's list of methods shows: exactly four keys."""
        return {
            'http_methods': list(self.http_methods),
            'async': self.async_call,
            'description': self.description,
            'attach': self.attach,
        }


@dataclasses.dataclass(frozen=True)
class DriverSpec:
    """What one driver offers.

    :param name: name of the driver.
    :param properties: property names with their descriptions.
    :param methods: the driver's methods by name.
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
        """Build the spec of driver ``name`` from its JSON form.

        :raises: InvalidSpec if the document must not be used.
        """
        _require_object(document, 'the document')
        methods, properties = (
            _require_object(document.get(key), f"'{key}'")
            for key in ('methods', 'properties')
        )
        return cls(
            name=name,
            properties=dict(
                zip(properties, _texts([*properties.values()]), strict=True)
            ),
            methods={
                m: MethodSpec.from_document(m, d) for m, d in methods.items()
            },
        )

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 over name and document, in hexadecimal.

        Conductors that offer the very same thing publish one digest.
        """
        text = json.dumps([self.name, self.to_document()], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def _is_duration(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and value > 0 and math.isfinite(value)


def _require_object(value: Any, place: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidSpec(f'{place} must be an object')
    return value


def _texts(values: Any) -> tuple[str, ...]:
    """Return a list of a document."""
    if not isinstance(values, list) or not all(
        isinstance(value, str) for value in values
    ):
        raise InvalidSpec('a list must consist of text')
    return tuple(values)


def _text(value: Any) -> str:
    """Return one text for what a method takes for one value."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        # 7.0 is as good as 7 where a whole number is wanted.
        value = int(value)
    return json.dumps(value, sort_keys=True)
