# SPDX-License-Identifier: Apache-2.0
"""JSON Schema and conversion of parameters, from a function's signature.

JSON Schema cannot express every check: validators in Python, limits of dates,
the text of a Decimal, limits of the keys of an object, the length of
``bytes``, strictness (3.0 for a ``StrictInt``), an existing file. These errors
are detected by :meth:`Signature.convert`, before the method runs and before an
asynchronous call is accepted; the caller gets the same 400.
"""

import copy
import dataclasses
import inspect
import json
import sys
import traceback
import types
import typing
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Mapping
from typing import Any

import pydantic
from oslo_log import log
from pydantic import fields

from ironic_passthru import errors
from ironic_passthru import spec
from ironic_passthru.drivers import schema_generator
from ironic_passthru.redaction import call_secrets
from ironic_passthru.redaction import schema_walker
from ironic_passthru.validation import json_pointer
from ironic_passthru.validation import schema as parameter_schema

LOG = log.getLogger(__name__)

_INJECTED = ('context', 'http_method')
_FORBIDDEN = spec.RESERVED_NAMES - {*_INJECTED}

# Errors of pydantic whose message contains the name of a class.
_CLASS_ERRORS = frozenset(
    {
        'dataclass_exact_type',
        'dataclass_type',
        'is_instance_of',
        'is_subclass_of',
        'model_attributes_type',
        'model_type',
    }
)

# Top-level modules whose exceptions mean that a value cannot be converted.
_CONVERTING = sys.stdlib_module_names | {
    'email_validator',
    'pydantic',
    'pydantic_core',
    'pydantic_extra_types',
}

# Errors of pydantic for paths, which all get the same message: it must not
# reveal which files exist.
_PATH_ERRORS = frozenset(
    {
        'parent_does_not_exist',
        'path_exists',
        'path_not_directory',
        'path_not_file',
        'path_not_socket',
    }
)

# Errors of validators, whose text is for clients. Subclasses, such as
# UnicodeError, are errors of libraries.
_PUBLIC_ERRORS = (ValueError, AssertionError)
_UNFIT = 'Input is not valid'


class SignatureError(Exception):
    """A function cannot be published; ``str()`` is the reason."""


class Signature:
    """The parameters of one function: their schema and conversion.

    :param function: a bound method.
    :raises: SignatureError if a parameter cannot be passed by name or has
        an annotation that JSON cannot express.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        parameters = inspect.signature(function).parameters
        self._names = frozenset(parameters)
        # Annotated[int, Field(default=3)]: the function has no default.
        self._defaults_in_annotation = frozenset(
            p.name for p in parameters.values() if p.default is p.empty
        )
        #: Copies of defaults, since a driver may change its own.
        self.defaults = {
            p.name: _deep_copied(p.default)
            for p in parameters.values()
            if p.default is not p.empty and p.name not in _INJECTED
        }
        self._takes_any = any(
            p.kind is p.VAR_KEYWORD for p in parameters.values()
        )
        hints = _hints(function, parameters.keys() - {*_INJECTED})
        self._aliases: dict[str, str] = {}
        fields: dict[str, Any] = {}
        for parameter in parameters.values():
            _check_parameter(parameter)
            if parameter.name in _INJECTED or (
                parameter.kind is parameter.VAR_KEYWORD
            ):
                continue
            # pydantic reserves names that a parameter may have ('copy',
            # '_x', 'model_…'): the field has another name and an alias.
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
                kind: Any = hints.get(parameter.name, Any)
                annotations['__pydantic_extra__'] = types.GenericAlias(
                    dict, (str, kind)
                )
        namespace['__annotations__'] = annotations
        namespace['__module__'] = __name__
        try:
            return type('Parameters', (pydantic.BaseModel,), namespace)
        except Exception as error:
            # Code of the types may raise anything.
            raise SignatureError(_first_line(error)) from error

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema (2020-12) of the parameters, an object.

        :raises: SignatureError if an annotation has none.
        """
        try:
            schema = self._model.model_json_schema(
                schema_generator=schema_generator.ParameterGenerator
            )
            json.dumps(schema, allow_nan=False)
            parameter_schema.check_schema(schema)
        except parameter_schema.InvalidSchema as error:
            raise SignatureError(
                f'its JSON Schema is wrong: {error}'
            ) from error
        except KeyError as error:
            # pydantic looks up references that are not HTTP URLs.
            raise SignatureError(
                f'its JSON Schema is wrong: $ref {error} does not refer to a '
                'definition within this schema'
            ) from error
        except Exception as error:
            raise SignatureError(_first_line(error)) from error
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
                _validation_error(entry, secrets) for entry in error.errors()
            ]
        if _from_driver(error):
            raise _not_ours(error)
        found: list[dict[str, str]] = []
        for name, value in values.items():
            try:
                self._model.model_validate(_copied({name: value}))
            except pydantic.ValidationError as own:
                found += [
                    _validation_error(entry, secrets)
                    for entry in own.errors()
                    if entry['loc'][:1] == (name,)
                ]
            except Exception as own:
                if _from_driver(own):
                    raise _not_ours(own)  # noqa: B904
                found.append(_entry([name], _reason(own)))
        return found

    def inject(
        self, values: dict[str, Any], *, context: Any, http_method: str
    ) -> dict[str, Any]:
        """Return ``values`` with ``context`` and ``http_method`` as needed."""
        arguments = dict(values)
        if 'context' in self._names:
            arguments['context'] = context
        if 'http_method' in self._names or self._takes_any:
            arguments['http_method'] = http_method
        return arguments


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
            parameters = inspect.signature(function).parameters
        except (TypeError, ValueError) as error:
            raise SignatureError(_first_line(error)) from error
        if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            return cls(None)
        return cls(frozenset(parameters))

    def select(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the ``values`` that the function accepts."""
        if self.known is None:
            return dict(values)
        return {name: v for name, v in values.items() if name in self.known}


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


def _check_parameter(parameter: inspect.Parameter) -> None:
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
    return annotation, pydantic.Field(
        default=parameter.default, alias=parameter.name
    )


def _validation_error(
    entry: Any, secrets: call_secrets.CallSecrets
) -> dict[str, str]:
    path: list[str] = []
    for part in entry['loc']:
        # pydantic also adds the types that it tried, which are not members.
        last = part is entry['loc'][-1] and entry['type'] == 'missing'
        if last or secrets.has(path, part):
            path.append(str(part))
    return _entry(path, _phrase(entry, secrets.secrets_at(path)))


def _entry(path: list[str], phrase: str) -> dict[str, str]:
    name = f"parameter '{'.'.join(path)}'" if path else 'the parameters'
    return {'pointer': json_pointer.to(path), 'detail': f'{name}: {phrase}'}


def _reason(error: Exception) -> str:
    """Return why a value cannot be converted, without text of the error.

    The text may contain the value, or reveal which files exist.
    """
    LOG.debug('Conversion of a parameter raised %s', type(error).__name__)
    if isinstance(error, RecursionError):
        return 'Input is nested too deeply'
    return _UNFIT


def _not_ours(error: Exception) -> Exception:
    """Return an exception of a driver; replace InvalidParameters.

    The text of InvalidParameters would be sent to the caller.
    """
    if not isinstance(error, errors.InvalidParameters):
        return error
    other = TypeError('a type raised InvalidParameters')
    other.__cause__ = error
    return other


def _from_driver(error: Exception) -> bool:
    """Return whether code of a driver is part of the traceback of an error.

    pydantic and Python's library raise more than ValueError for values that
    they cannot convert: OverflowError, OSError, TypeError and others.
    """
    if isinstance(error, pydantic.PydanticUserError):
        return True
    modules = {
        frame.f_globals.get('__name__', '')
        for frame, _ in traceback.walk_tb(error.__traceback__)
    }
    return any(
        name.partition('.')[0] not in _CONVERTING
        for name in modules - {__name__}
    )


def _phrase(entry: Any, secrets: set[str] | None) -> str:
    """Return the message of an error of pydantic, safe for clients."""
    kind, text = entry['type'], str(entry['msg'])
    if kind in _PATH_ERRORS:
        return _UNFIT
    if kind in _CLASS_ERRORS:
        # The message contains the name of a class of the driver.
        return 'Input should be an object'
    if kind == 'union_tag_invalid':
        # pydantic quotes the value.
        return _UNFIT
    raised = entry.get('ctx', {}).get('error')
    if isinstance(raised, Exception) and type(raised) not in _PUBLIC_ERRORS:
        # A library that a validator of the driver calls raised it.
        return _UNFIT
    if secrets is None:
        return text
    if kind.endswith(('_parsing', '_invalid')) or any(
        secret in text for secret in secrets
    ):
        # The messages of the former contain a character of the value.
        return _UNFIT
    return text


def _copied(value: Any) -> Any:
    """Return a copy of a JSON value.

    Types such as ``Any`` pass a value to the driver unchanged.
    """
    if isinstance(value, dict):
        return {name: _copied(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_copied(item) for item in value]
    return value


def _deep_copied(default: Any) -> Any:
    try:
        return copy.deepcopy(default)
    except Exception:
        # The class of a driver may fail in any way.
        return default


def _first_line(error: Exception) -> str:
    return str(error).strip().partition('\n')[0] or type(error).__name__
