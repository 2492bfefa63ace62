# SPDX-License-Identifier: Apache-2.0
"""From the signature of a function to the schema of its parameters."""

import inspect
import typing
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

import pydantic
from pydantic import json_schema

from ironic_passthru import errors
from ironic_passthru import spec

_INJECTED = ('context', 'http_method')
_FORBIDDEN = spec.RESERVED_NAMES - {*_INJECTED}


class SignatureError(Exception):
    """A function cannot be offered; ``str()`` says why."""


class _Generator(json_schema.GenerateJsonSchema):
    # A default that has no JSON form is simply not shown.
    ignored_warning_kinds = {'skipped-choice', 'non-serializable-default'}

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


class Signature:
    """How one function is called.

    :param function: a bound method.
    :raises: SignatureError if it cannot be called by parameters' names or
        has an annotation that JSON cannot express.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        parameters = inspect.signature(function).parameters
        self._names = frozenset(parameters)
        self._takes_any = any(
            p.kind is p.VAR_KEYWORD for p in parameters.values()
        )
        hints = _hints(function)
        self._aliases: dict[str, str] = {}
        fields: dict[str, Any] = {}
        for parameter in parameters.values():
            _refuse_unusable(parameter)
            if parameter.name in _INJECTED or (
                parameter.kind is parameter.VAR_KEYWORD
            ):
                continue
            # pydantic reserves many names ('copy', '_x', 'model_…'), while
            # a driver's parameter may have any: so the field's name is
            # neutral, and the parameter's stands in the alias.
            field = f'p{len(fields)}'
            self._aliases[field] = parameter.name
            fields[field] = _field(parameter, hints)
        self._model = self._make_model(fields, parameters, hints)

    def _make_model(
        self,
        fields: dict[str, Any],
        parameters: Mapping[str, inspect.Parameter],
        hints: Mapping[str, Any],
    ) -> type[pydantic.BaseModel]:
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
        for parameter in parameters.values():
            if parameter.kind is parameter.VAR_KEYWORD:
                kind = hints.get(parameter.name, Any)
                annotations['__pydantic_extra__'] = dict[str, kind]
        namespace['__annotations__'] = annotations
        namespace['__module__'] = __name__
        try:
            return type('Parameters', (pydantic.BaseModel,), namespace)
        except (pydantic.PydanticUserError, TypeError) as error:
            raise SignatureError(_first_line(error)) from error

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema (2020-12) of the parameters, an object.

        :raises: SignatureError if an annotation has none.
        """
        try:
            schema = self._model.model_json_schema(schema_generator=_Generator)
        except pydantic.errors.PydanticInvalidForJsonSchema as error:
            raise SignatureError(_first_line(error)) from error
        schema.pop('title', None)
        schema.pop('description', None)
        schema.setdefault('properties', {})
        return schema

    def convert(self, method: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return ``values`` as the types that the function declares.

        :param method: name of the method, for the error.
        :raises: InvalidParameters.
        """
        try:
            model = self._model.model_validate(values)
        except pydantic.ValidationError as error:
            raise errors.InvalidParameters(
                method=method,
                errors=[_fault(entry) for entry in error.errors()],
            ) from None
        converted = {
            self._aliases[field]: getattr(model, field)
            for field in model.model_fields_set
            if field in self._aliases
        }
        return converted | (model.model_extra or {})

    def inject(
        self, values: dict[str, Any], *, context: Any, http_method: str
    ) -> dict[str, Any]:
        """Return ``values`` with what the function takes besides them."""
        arguments = dict(values)
        if 'context' in self._names:
            arguments['context'] = context
        if 'http_method' in self._names or self._takes_any:
            arguments['http_method'] = http_method
        return arguments


def accepted(
    function: Callable[..., Any], values: Mapping[str, Any]
) -> dict[str, Any]:
    """Return those of ``values`` that ``function`` takes by name."""
    parameters = inspect.signature(function).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return dict(values)
    return {name: v for name, v in values.items() if name in parameters}


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(
            inspect.unwrap(function), include_extras=True
        )
    except Exception as error:
        # Evaluating an annotation runs the driver's own code.
        raise SignatureError(
            f'an annotation cannot be evaluated: {_first_line(error)}'
        ) from error


def _refuse_unusable(parameter: inspect.Parameter) -> None:
    if parameter.kind in (
        parameter.POSITIONAL_ONLY,
        parameter.VAR_POSITIONAL,
    ):
        raise SignatureError(
            f"parameter '{parameter.name}' cannot be given by name"
        )
    if parameter.name in _FORBIDDEN:
        raise SignatureError(
            f"'{parameter.name}' is reserved and cannot be a parameter"
        )


def _field(
    parameter: inspect.Parameter, hints: Mapping[str, Any]
) -> tuple[Any, Any]:
    annotation = hints.get(parameter.name, Any)
    if parameter.default is parameter.empty:
        return annotation, pydantic.Field(alias=parameter.name)
    return annotation, pydantic.Field(
        default=parameter.default, alias=parameter.name
    )


def _fault(entry: Any) -> dict[str, str]:
    path = [str(part) for part in entry['loc']]
    pointer = ''.join(
        '/' + part.replace('~', '~0').replace('/', '~1') for part in path
    )
    name = f"parameter '{'.'.join(path)}'" if path else 'the parameters'
    return {'pointer': pointer, 'detail': f'{name}: {entry["msg"]}'}


def _first_line(error: Exception) -> str:
    return str(error).strip().partition('\n')[0]
