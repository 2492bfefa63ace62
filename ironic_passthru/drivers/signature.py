# SPDX-License-Identifier: Apache-2.0
"""JSON Schema and conversion of parameters, from a function's signature.

JSON Schema cannot express every check: validators in Python, limits of dates,
the text of a Decimal, limits of the keys of an object, the length of
``bytes``, strictness (3.0 for a ``StrictInt``), an existing file. These errors
are detected by :meth:`Signature.convert`, before the method runs and before an
asynchronous call is accepted; the caller gets the same 400.
"""

import dataclasses
import inspect
import json
import types
import typing
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Mapping
from typing import Any
from typing import TypeVar

import pydantic
from oslo_log import log
from pydantic import fields

from ironic_passthru import errors
from ironic_passthru import spec
from ironic_passthru.drivers import base
from ironic_passthru.drivers import conversion_errors
from ironic_passthru.drivers import defaults
from ironic_passthru.drivers import layers
from ironic_passthru.drivers import schema_generator
from ironic_passthru.drivers import unpacked
from ironic_passthru.json_schema import schema_walker
from ironic_passthru.redaction import call_secrets
from ironic_passthru.validation import schema as parameter_schema

LOG = log.getLogger(__name__)

# pydantic omits fields with these annotations.
_NO_TYPES = (typing.Final, typing.ClassVar)

_INJECTED = ('context', 'http_method')
_FORBIDDEN = spec.RESERVED_NAMES - {*_INJECTED}

_Made = TypeVar('_Made')


class SignatureError(Exception):
    """A function cannot be published; ``str()`` is the reason."""


class Signature:
    """The parameters of one function: their schema and conversion.

    :param function: a bound method.
    :param context_first: whether the first parameter receives the context,
        whatever its name; such a function may take ``*args``.
    :param reserved: further names that no parameter can have.
    :raises: SignatureError if a parameter cannot be passed by name or has
        an annotation that JSON cannot express.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        context_first: bool = False,
        reserved: frozenset[str] = frozenset(),
    ) -> None:
        found = list(inspect.signature(function).parameters.values())
        self._context = _context_parameter(found, context_first=context_first)
        found = found if self._context is None else found[1:]
        if context_first:
            # They stay empty: parameters are passed by name.
            found = [p for p in found if p.kind is not p.VAR_POSITIONAL]
        parameters = {p.name: p for p in found}
        self._extra, hints = _types(function, parameters)
        found = _expanded(found, hints)
        self._names = frozenset(p.name for p in found)
        # Annotated[int, Field(default=3)]: the function has no default.
        self._defaults_in_annotation = frozenset(
            p.name for p in found if p.default is p.empty
        )
        #: Copies of defaults, since a driver may change its own.
        self.defaults = {
            p.name: defaults.copied(p.default)
            for p in found
            if p.default is not p.empty
            and p.default is not unpacked.ABSENT
            and p.name not in _INJECTED
        }
        self._takes_any = any(p.kind is p.VAR_KEYWORD for p in found)
        self._reserved = reserved | layers.positional_names(
            function, context=self._context is not None
        )
        for parameter in found:
            self._check(parameter, hints)
        # pydantic reserves names that a parameter may have ('copy', '_x',
        # 'model_…'): the field has another name and an alias.
        fields = {
            f'p{number}': p for number, p in enumerate(_published(found))
        }
        self._aliases = {field: p.name for field, p in fields.items()}
        self._fields = {field: _field(p, hints) for field, p in fields.items()}
        self._model = self._attempt(self._make_model)

    def _check(
        self, parameter: inspect.Parameter, hints: Mapping[str, Any]
    ) -> None:
        _check_parameter(parameter, hints)
        if (
            parameter.kind is not parameter.VAR_KEYWORD
            and parameter.name in self._reserved
        ):
            raise SignatureError(
                f"parameter '{parameter.name}' has the name of an argument "
                'that the method, a decorator or driver_validate receives '
                'by position; rename one of them'
            )

    def _attempt(self, make: Callable[[dict[str, Any]], _Made]) -> _Made:
        """Return what is made of the fields.

        :raises: SignatureError, with the name of a parameter that is wrong.
        """
        try:
            return make(self._fields)
        except Exception as error:
            # Code of the types may raise anything.
            for field, name in self._aliases.items():
                try:
                    make({field: self._fields[field]})
                except Exception as own:
                    raise SignatureError(
                        f"parameter '{name}': {_schema_error(own)}"
                    ) from own
            raise SignatureError(_schema_error(error)) from error

    def _make_model(self, fields: dict[str, Any]) -> type[pydantic.BaseModel]:
        config = pydantic.ConfigDict(
            extra='allow' if self._takes_any else 'forbid',
            hide_input_in_errors=True,
            # The API checks patterns with Python's engine.
            regex_engine='python-re',
            protected_namespaces=(),
        )
        namespace: dict[str, Any] = {'model_config': config}
        annotations: dict[str, Any] = {}
        for field, (annotation, info) in fields.items():
            annotations[field] = annotation
            namespace[field] = info
        if self._takes_any:
            annotations['__pydantic_extra__'] = types.GenericAlias(
                dict, (str, self._extra)
            )
        namespace['__annotations__'] = annotations
        namespace['__module__'] = __name__
        return type('Parameters', (pydantic.BaseModel,), namespace)

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema (2020-12) of the parameters, an object.

        :raises: SignatureError if an annotation has none.
        """

        def make(fields: dict[str, Any]) -> dict[str, Any]:
            model = (
                self._model
                if fields is self._fields
                else self._make_model(fields)
            )
            schema = model.model_json_schema(
                schema_generator=schema_generator.ParameterGenerator
            )
            json.dumps(schema, allow_nan=False)
            parameter_schema.check_schema(schema)
            return schema

        schema = self._attempt(make)
        # Parameters are read by their own names only.
        schema.pop(schema_walker.ALIASES, None)
        schema.pop('title', None)
        schema.pop('description', None)
        schema.setdefault('properties', {})
        return schema

    def convert(
        self,
        method: str,
        values: Mapping[str, Any],
        *,
        secrets: call_secrets.CallSecrets | None = None,
    ) -> dict[str, Any]:
        """Return ``values`` converted to the types of the function.

        :param method: name of the method, for the error.
        :param values: JSON values; the driver receives copies of them.
        :param secrets: redacts validation errors; by default nothing is
            secret.
        :raises: InvalidParameters; any exception of the driver's types
            besides ValueError and AssertionError.
        """
        secrets = secrets or call_secrets.without_secrets(values)
        reserved = self._reserved & values.keys()
        if self._takes_any and reserved:
            # Python would receive two values for one parameter.
            raise errors.InvalidParameters(
                method=method,
                errors=[
                    conversion_errors.validation_error(
                        [name], 'this name is reserved'
                    )
                    for name in sorted(reserved)
                ],
            )
        try:
            model = self._model.model_validate(_copied(values))
        except Exception as error:
            found = self._validation_errors(values, error, secrets=secrets)
            if not found:
                raise
            raise errors.InvalidParameters(
                method=method, errors=secrets.validation_errors(found)
            ) from None
        converted = {
            name: getattr(model, field)
            for field, name in self._aliases.items()
            if name in values or name in self._defaults_in_annotation
        }
        return converted | (model.model_extra or {})

    def _validation_errors(
        self,
        values: Mapping[str, Any],
        error: Exception,
        *,
        secrets: call_secrets.CallSecrets,
    ) -> list[dict[str, str]]:
        """Return the validation errors of a failed conversion.

        An exception other than ValidationError ends the conversion, so each
        parameter is converted separately to find those that raise it.

        :returns: an empty list if no single parameter raises it.
        :raises: the exception, if code of the driver raised it.
        """
        if isinstance(error, pydantic.ValidationError):
            return [
                conversion_errors.from_pydantic(entry, secrets)
                for entry in error.errors()
            ]
        if conversion_errors.is_from_driver(error):
            raise conversion_errors.not_ours(error)
        found: list[dict[str, str]] = []
        for name, value in values.items():
            try:
                self._model.model_validate(_copied({name: value}))
            except pydantic.ValidationError as own:
                found += [
                    conversion_errors.from_pydantic(entry, secrets)
                    for entry in own.errors()
                    if entry['loc'][:1] == (name,)
                ]
            except Exception as own:
                if conversion_errors.is_from_driver(own):
                    raise conversion_errors.not_ours(own)  # noqa: B904
                found.append(
                    conversion_errors.validation_error(
                        [name], conversion_errors.reason(own)
                    )
                )
        return found

    def arguments(
        self, values: Mapping[str, Any], *, context: Any, http_method: str
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return positional and named arguments for a call of the function.

        :param values: the converted parameters.
        """
        named = {
            name: defaults.copied(default)
            for name, default in self.defaults.items()
            if defaults.is_mutable(default)
        } | dict(values)
        if 'http_method' in self._names or self._takes_any:
            named['http_method'] = http_method
        if self._context is not None:
            return (context,), named
        if 'context' in self._names:
            named['context'] = context
        return (), named


def result_schema(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the JSON Schema of the result of a function.

    Only the search for secrets depends on it, so the schema of a type without
    JSON Schema is empty.
    """
    try:
        annotation = _hints(function, {'return'}).get('return', Any)
        config = pydantic.ConfigDict(arbitrary_types_allowed=True)
        try:
            adapter = pydantic.TypeAdapter(annotation, config=config)
        except pydantic.PydanticUserError:
            # The type has its own configuration.
            adapter = pydantic.TypeAdapter(annotation)
        return adapter.json_schema(
            schema_generator=schema_generator.ResultGenerator,
            mode='serialization',
        )
    except Exception as error:
        # Code of the types may raise anything.
        LOG.debug('The result has no schema: %s', _first_line(error))
        return {}


def attachment_schema(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the JSON Schema of an attachment, with its media type.

    It is empty if the annotation of the result does not show the type: an
    ``Attachment`` names it at each call.
    """
    try:
        annotation = _hints(function, {'return'}).get('return')
    except SignatureError:
        return {}
    media_type = base.MEDIA_TYPES.get(annotation)
    if media_type is None:
        return {}
    return {'type': 'string', 'contentMediaType': media_type}


@dataclasses.dataclass(frozen=True)
class Names:
    """The arguments that a function accepts by name.

    :param known: their names; None if it accepts any.
    """

    known: frozenset[str] | None

    @classmethod
    def of(cls, function: Callable[..., Any]) -> 'Names':
        """Return the names for ``function``.

        :raises: SignatureError if its signature is not available.
        """
        try:
            inspect.signature(function)
        except (TypeError, ValueError) as error:
            raise SignatureError(_first_line(error)) from error
        return cls(layers.accepted_names(function))

    def select(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the ``values`` that the function accepts."""
        if self.known is None:
            return dict(values)
        return {name: v for name, v in values.items() if name in self.known}


def _context_parameter(
    parameters: list[inspect.Parameter], *, context_first: bool
) -> str | None:
    """Return the name of the first parameter if it receives the context.

    The name of ``*args``, which then receives it, is empty.

    :raises: SignatureError if no parameter can receive the context.
    """
    first = parameters[0] if parameters else None
    positional = first is not None and first.kind in (
        first.POSITIONAL_ONLY,
        first.POSITIONAL_OR_KEYWORD,
    )
    if first is not None and positional:
        if context_first or first.name in base.CONTEXT_NAMES:
            return first.name
    elif context_first:
        if first is None or first.kind is not first.VAR_POSITIONAL:
            raise SignatureError(
                'it has no parameter for the context; add context as the '
                'first parameter'
            )
        return ''
    return None


def _published(
    parameters: list[inspect.Parameter],
) -> list[inspect.Parameter]:
    return [
        p
        for p in parameters
        if p.name not in _INJECTED and p.kind is not p.VAR_KEYWORD
    ]


def _types(
    function: Callable[..., Any], parameters: Mapping[str, inspect.Parameter]
) -> tuple[Any, dict[str, Any]]:
    """Return the type of further parameters, and those of all by name."""
    hints = _hints(function, parameters.keys() - {*_INJECTED})
    for parameter in parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            return hints.get(parameter.name, Any), hints
    return Any, hints


def _expanded(
    parameters: list[inspect.Parameter], hints: dict[str, Any]
) -> list[inspect.Parameter]:
    try:
        return unpacked.expand(parameters, hints)
    except unpacked.UnpackError as error:
        raise SignatureError(str(error)) from error


def _schema_error(error: Exception) -> str:
    if isinstance(error, parameter_schema.InvalidSchema):
        return f'invalid JSON Schema: {error}'
    if isinstance(error, KeyError):
        # pydantic looks up references that are not HTTP URLs.
        return (
            f'invalid JSON Schema: $ref {error} does not refer to a '
            'definition within this schema'
        )
    if isinstance(error, pydantic.errors.PydanticSchemaGenerationError):
        # Its own remedy is for the configuration of a model.
        return (
            f'{_first_line(error).partition(". Set ")[0]}; annotate it with '
            "a type that JSON can express, such as str, Literal['on', 'off'] "
            'or a pydantic model'
        )
    return _first_line(error)


def _hints(
    function: Callable[..., Any], names: Collection[str]
) -> dict[str, Any]:
    """Return the evaluated annotations of some parameters."""
    function = inspect.unwrap(function)
    # Other annotations may use names imported for type checkers only.
    needed = types.SimpleNamespace(
        __annotations__={
            name: annotation
            for name, annotation in function.__annotations__.items()
            if name in names
        }
    )
    try:
        return typing.get_type_hints(
            needed,
            globalns=getattr(function, '__globals__', {}),
            include_extras=True,
        )
    except Exception as error:
        # Evaluating an annotation runs code of the driver.
        raise SignatureError(
            f'an annotation cannot be evaluated: {_first_line(error)}'
        ) from error


def _check_parameter(
    parameter: inspect.Parameter, hints: Mapping[str, Any]
) -> None:
    hint = hints.get(parameter.name)
    if (typing.get_origin(hint) or hint) in _NO_TYPES:
        raise SignatureError(
            f"parameter '{parameter.name}': Final and ClassVar are not types "
            'of parameters; write the type alone'
        )
    if parameter.kind in (
        parameter.POSITIONAL_ONLY,
        parameter.VAR_POSITIONAL,
    ):
        raise SignatureError(
            f"parameter '{parameter.name}' cannot be given by name (a "
            'decorator should use functools.wraps)'
        )
    if parameter.name in _FORBIDDEN:
        raise SignatureError(
            f"'{parameter.name}' is reserved and cannot be a parameter"
        )
    if isinstance(parameter.default, fields.FieldInfo):
        raise SignatureError(
            f"the default of parameter '{parameter.name}' is a Field; write "
            'Annotated[type, Field(...)] = default'
        )


def _field(
    parameter: inspect.Parameter, hints: Mapping[str, Any]
) -> tuple[Any, Any]:
    annotation = hints.get(parameter.name, Any)
    if parameter.default is parameter.empty:
        return annotation, pydantic.Field(alias=parameter.name)
    if parameter.default is unpacked.ABSENT:
        return annotation, pydantic.Field(
            default_factory=lambda: None, alias=parameter.name
        )
    return annotation, pydantic.Field(
        default=parameter.default, alias=parameter.name
    )


def _copied(value: Any) -> Any:
    """Return a copy of a JSON value.

    Types such as ``Any`` pass a value to the driver unchanged.
    """
    if isinstance(value, dict):
        return {name: _copied(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_copied(item) for item in value]
    return value


def _first_line(error: Exception) -> str:
    # pydantic continues a line that ends with a colon in the next one.
    lines = str(error).strip().replace(':\n', ': ').split('\n')
    return ' '.join(lines[0].split()) or type(error).__name__
