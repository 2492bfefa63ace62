# SPDX-License-Identifier: Apache-2.0
"""Compare responses with the OpenAPI document."""

import functools
import json
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

import jsonschema

from ironic_passthru import spec
from ironic_passthru.api.http import routes
from ironic_passthru.api.openapi import definitions
from ironic_passthru.api.openapi import document
from ironic_passthru.api.openapi import methods

# Larger bodies are results of tests about sizes.
_MAX_SIZE = 1 << 20

_ERROR = {'$ref': '#/components/schemas/Error'}


class Recorded:
    """A body that is checked after it was sent.

    :param check: called with the complete body.
    """

    def __init__(self, body: Iterable[bytes], check: Any) -> None:
        self._body = body
        self._check = check

    def __iter__(self) -> Iterator[bytes]:
        parts = []
        size = 0
        for part in self._body:
            size += len(part)
            if size <= _MAX_SIZE:
                parts.append(part)
            yield part
        if size <= _MAX_SIZE:
            self._check(b''.join(parts))

    def close(self) -> None:
        """Close the body."""
        close = getattr(self._body, 'close', None)
        if close is not None:
            close()


def mistake(
    route: routes.Route,
    http_method: str,
    status: int,
    *,
    media_type: str,
    body: bytes,
    method: spec.MethodSpec | None,
) -> str | None:
    """Return how a response differs from the document, or None.

    :param method: the called method, if the route is a call.
    """
    operation, components = _operation(route, http_method, method)
    answers = operation.get('responses', {})
    found = answers.get(str(status), answers.get(f'{status // 100}XX'))
    if found is None:
        found = components['responses'].get(str(status), {})
    if '$ref' in found:
        found = components['responses'][found['$ref'].rpartition('/')[2]]
    content = found.get('content', {})
    media_type = media_type.partition(';')[0].strip()
    if not content:
        return 'a body' if body else None
    documented = content.get(media_type, content.get('*/*'))
    if documented is None:
        return f'media type {media_type!r}'
    if not media_type.endswith('json'):
        return None
    value = json.loads(body)
    errors = [*_validator(documented['schema'], components).iter_errors(value)]
    if status >= 400 and media_type == 'application/json' and not errors:
        errors += _fault_errors(value, components)
    return '; '.join(f'{e.json_path}: {e.message}' for e in errors) or None


def _fault_errors(value: Any, components: dict[str, Any]) -> Iterable[Any]:
    if 'error_message' not in value:
        return ()
    fault = {'$ref': '#/components/schemas/Fault'}
    validator = _validator(fault, components)
    return validator.iter_errors(json.loads(value['error_message']))


def _validator(schema: Any, components: dict[str, Any]) -> Any:
    return jsonschema.Draft202012Validator(
        {'allOf': [schema], 'components': components}
    )


@functools.cache
def _static() -> dict[str, Any]:
    """Return the document without methods; its objects are complete."""
    found = document.build('http://api.example', 'noauth', ())
    fixed = found['components']['schemas']
    for name, schema in fixed.items():
        fixed[name] = _complete(schema)
    return found


def _complete(schema: Any) -> Any:
    """Return a schema that accepts no other members."""
    if isinstance(schema, list):
        return [_complete(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _complete(each) for name, each in schema.items()}
    if 'properties' in schema and 'required' in schema:
        found['additionalProperties'] = False
    return found


# The specs keep their ids as long as they are here.
_called: dict[tuple[int, str], tuple[spec.MethodSpec, Any, Any]] = {}


def _operation(
    route: routes.Route, http_method: str, method: spec.MethodSpec | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the operation of a request, and the shared parts."""
    static = _static()
    components = static['components']
    item = static['paths'][route.path]
    generic = item.get(http_method.lower(), {})
    if method is None:
        return generic, components
    key = (id(method), http_method)
    if key not in _called:
        shared = definitions.Definitions()
        called = methods.CallableMethod('driver', method, (http_method,))
        item = methods.path_item(called, shared)
        schemas = components['schemas'] | shared.schemas
        _called[key] = (
            method,
            item.get(http_method.lower(), generic),
            {**components, 'schemas': schemas},
        )
    return _called[key][1:]
