# SPDX-License-Identifier: Apache-2.0
"""Operations."""

import re
from collections.abc import Collection
from collections.abc import Mapping
from typing import Any
from urllib import parse

import webob
from wsme.rest import json as wsme_json

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru.api import audit_data
from ironic_passthru.api.auth import policy
from ironic_passthru.api.calls import events
from ironic_passthru.api.calls import long_poll
from ironic_passthru.api.calls import responses
from ironic_passthru.api.http import environ_keys
from ironic_passthru.api.http import error_responses
from ironic_passthru.api.http import expose
from ironic_passthru.api.http import links
from ironic_passthru.api.http import prefer
from ironic_passthru.api.http import query
from ironic_passthru.api.v1 import types
from ironic_passthru.db import operation_queries
from ironic_passthru.db import operations
from ironic_passthru.policies import operations as rules

# Default of Ironic's option max_limit.
MAX_LIMIT = 1000

# Parameters may be large.
_MAX_LIMIT_WITH_PARAMETERS = 100

_DETAILS = ('parameters', 'targets', 'error')
# Details in lists without ``fields``.
_LISTED = ('targets',)
_STATES = ', '.join(operation.State)
# Databases compare other characters differently.
_ID = re.compile(r'[!-~]{1,64}')
_NAMES = expose.Argument(types.name_list, repeatable=True)
# Owner of operations that do not exist.
_NO_OWNER = operation.Owner(project_id='-')


class OperationsController:
    """``/v1/operations``."""

    def __init__(
        self,
        operations: operations.OperationStore,
        links: links.Links,
        *,
        policy: policy.Policy,
        responses: responses.CallResponses,
        long_poll: long_poll.LongPoll,
        event_streams: events.EventStreams,
    ) -> None:
        self._operations = operations
        self._links = links
        self._policy = policy
        self._responses = responses
        self._long_poll = long_poll
        self._event_streams = event_streams

    def _one(
        self, request: webob.Request, operation_id: str
    ) -> operation.Operation:
        """Return an operation that the caller may see.

        :raises: OperationNotFound, or Forbidden for callers who may not list
            operations. The error does not depend on whether it exists.
        """
        context = request.environ[environ_keys.CONTEXT]
        owner = self._owner(operation_id)
        # Also decided for a missing operation, for equal response times.
        target = _target(owner or _NO_OWNER, context)
        if (
            self._policy.allows(context, rules.GET, target)
            and owner is not None
        ):
            found = self._operations.get(operation_id)
            if found is not None:
                return found
        if self._policy.allows(context, rules.LIST):
            raise errors.OperationNotFound(operation=operation_id)
        raise errors.Forbidden(rule=rules.GET)

    def _one_to_cancel(
        self, request: webob.Request, operation_id: str
    ) -> operation.Operation:
        found = self._one(request, operation_id)
        context = request.environ[environ_keys.CONTEXT]
        target = _target(_owner(found), context)
        self._policy.authorize(context, rules.CANCEL, target)
        return found

    def _listed(self, request: webob.Request) -> operation.Owner | None:
        """Return the owner whose operations the caller may list; None: all.

        :raises: Forbidden.
        """
        context = request.environ[environ_keys.CONTEXT]
        if self._policy.allows(context, rules.LIST_ALL):
            return None
        self._policy.authorize(context, rules.LIST)
        return operation.Owner.of(context.project_id, context.user_id)

    def _owner(self, operation_id: str) -> operation.Owner | None:
        if not _ID.fullmatch(operation_id):
            return None
        return self._operations.owner(operation_id)

    @expose.expose(
        types.OperationCollection,
        subject=_listed,
        driver=expose.Argument(types.text),
        method=expose.Argument(types.text),
        target=expose.Argument(types.text),
        state=_NAMES,
        user_id=expose.Argument(types.text),
        project_id=expose.Argument(types.text),
        request_id=expose.Argument(types.text),
        part_of=expose.Argument(types.text),
        conductor=expose.Argument(types.text),
        created_after=expose.Argument(types.time),
        created_before=expose.Argument(types.time),
        sort_key=expose.Argument(types.OneOf(*operation_queries.SORT_KEYS)),
        sort_dir=expose.Argument(types.OneOf('asc', 'desc')),
        limit=expose.Argument(types.count),
        marker=expose.Argument(str),
        fields=_NAMES,
    )
    def get_all(
        self,
        request: webob.Request,
        owner: operation.Owner | None,
        *,
        limit: int = 0,
        marker: str | None = None,
        fields: list[str] | None = None,
        **filters: Any,
    ) -> types.OperationCollection:
        """Return operations, newest first by default."""
        order = operation_queries.Order(
            filters.pop('sort_key', 'created_at'),
            ascending=filters.pop('sort_dir', 'desc') == 'asc',
        )
        states = _states(filters.pop('state', []))
        types.check_fields(types.OperationResource, fields)
        details = [each for each in _DETAILS if each in (fields or _LISTED)]
        most = MAX_LIMIT
        if 'parameters' in details:
            most = _MAX_LIMIT_WITH_PARAMETERS
        limit = min(limit, most) or most
        # One more, to know whether another page follows.
        found = self._operations.page(
            limit=limit + 1,
            marker=self._marker(marker, owner),
            states=states,
            owner=owner,
            order=order,
            details=details,
            **filters,
        )
        collection = types.OperationCollection(
            operations=[
                _selected(self._resource(request, record, details), fields)
                for record in found[:limit]
            ]
        )
        if len(found) > limit:
            collection.next = self._next(request, limit, found[limit - 1].id)
        return collection

    @expose.expose(
        types.OperationResource,
        subject=_one,
        fields=_NAMES,
    )
    def get_one(
        self,
        request: webob.Request,
        found: operation.Operation,
        fields: list[str] | None = None,
    ) -> expose.ExposedResponse:
        """Return one operation in detail, after a wait if preferred."""
        types.check_fields(types.OperationResource, fields)
        found, headers = self._wait(request, found)
        return expose.ExposedResponse(
            _selected(self._resource(request, found, _DETAILS), fields),
            headers=headers | self._retry_after(found),
        )

    @expose.controller
    def result(
        self,
        request: webob.Request,
        _response: webob.Response,
        operation_id: str,
    ) -> webob.Response:
        """Return the response that a synchronous call would have had."""
        found = self._one(request, operation_id)
        if not found.attach:
            error_responses.check_accept(request.environ)
        query.check_names(query.parameters(request.environ), ())
        found, headers = self._wait(request, found)
        if found.final:
            response = self._responses.outcome(request, found)
        else:
            location = self._responses.location(request, found.id)
            response = self._responses.accepted(location)
        response.headers.update(headers)
        return response

    @expose.controller
    def events(
        self,
        request: webob.Request,
        _response: webob.Response,
        operation_id: str,
    ) -> webob.Response:
        """Return the changes of state and progress as they are recorded."""
        self._one(request, operation_id)
        error_responses.check_accept(request.environ, events.MEDIA_TYPE)
        query.check_names(query.parameters(request.environ), ())

        def members(found: operation.Operation) -> Mapping[str, Any]:
            resource = self._resource(request, found, ())
            document: Mapping[str, Any] = wsme_json.tojson(
                types.OperationResource, resource
            )
            return document

        return self._event_streams.response(request, operation_id, members)

    @expose.expose(types.OperationResource, subject=_one_to_cancel)
    def delete(
        self, request: webob.Request, found: operation.Operation
    ) -> expose.ExposedResponse:
        """Cancel a queued operation, request it for a running one."""
        data = audit_data.of(request.environ)
        data.cancel_target = found
        # Fails for an invalid Host header, so it precedes the change.
        self._links.base(request)
        data.cancel_requested = self._operations.cancel(found.id)
        data.cancel_target = found = self._one(request, found.id)
        if not data.cancel_requested:
            raise errors.OperationFinal(
                operation=found.id, state=found.state.value
            )
        return expose.ExposedResponse(
            self._resource(request, found, _DETAILS),
            status=200 if found.final else 202,
            headers=self._retry_after(found),
        )

    def _wait(
        self, request: webob.Request, found: operation.Operation
    ) -> tuple[operation.Operation, dict[str, str]]:
        """Wait for an operation if the client prefers.

        :returns: the operation after that, and headers of the response.
        """
        preferences = prefer.parse(request.headers.get('Prefer'))
        waited = self._long_poll.wait(found.id, preferences.wait_seconds)
        if waited is None:
            return found, {}
        if not found.final:
            found = self._one(request, found.id)
        return found, prefer.applied([f'wait={waited}'])

    def _retry_after(self, found: operation.Operation) -> dict[str, str]:
        if found.final:
            return {}
        return {'Retry-After': str(self._responses.retry_after_seconds)}

    def _marker(
        self, marker: str | None, owner: operation.Owner | None
    ) -> operation.Operation | None:
        if marker is None:
            return None
        marker_owner = self._owner(marker)
        found = None
        if marker_owner is not None and owner in (None, marker_owner):
            found = self._operations.get(marker)
        if found is None:
            # The same error for an operation that the caller may not list.
            raise errors.InvalidArgument(
                name='marker', reason='the operation does not exist'
            )
        return found

    def _next(self, request: webob.Request, limit: int, marker: str) -> str:
        """Return the URL of the page that follows ``marker``."""
        values = query.texts(request.environ, repeatable=('state', 'fields'))
        values |= {'limit': [str(limit)], 'marker': [marker]}
        href = self._links.href(request, 'operations')
        return f'{href}?{parse.urlencode(values, doseq=True)}'

    def _resource(
        self,
        request: webob.Request,
        found: operation.Operation,
        details: Collection[str],
    ) -> types.OperationResource:
        resource = types.OperationResource(
            progress=types.ProgressResource(
                percent=found.progress.percent, message=found.progress.message
            ),
            links=self._links.resource(request, 'operations', found.id),
            # Unset if several conductors run it.
            conductor=found.conductor or None,
            incarnation=found.incarnation or None,
            **{name: getattr(found, name) for name in _COPIED},
        )
        if 'parameters' in details:
            resource.parameters = found.parameters
        if 'targets' in details:
            resource.targets = found.targets
        if 'error' in details:
            resource.error = found.error and types.OperationError(
                status=found.error.status,
                code=found.error.code,
                message=found.error.message,
            )
        return resource


def _selected(
    resource: types.OperationResource, fields: list[str] | None
) -> types.OperationResource:
    if fields:
        types.select(resource, fields)
    return resource


def _owner(found: operation.Operation) -> operation.Owner:
    return operation.Owner.of(found.project_id, found.user_id)


def _target(
    owner: operation.Owner, context: request_context.RequestContext
) -> dict[str, str]:
    """Return the attributes of an operation for policy rules.

    The user is an attribute only if neither operation nor caller has a
    project: operations of one project are invisible in another one.
    """
    if owner.project_id is not None:
        return {'project_id': owner.project_id}
    if owner.user_id is not None and not context.project_id:
        return {'user_id': owner.user_id}
    return {}


# Fields of a resource that are copied from the record.
_COPIED = (
    'id',
    'driver',
    'method',
    'http_method',
    'state',
    'user_id',
    'project_id',
    'request_id',
    'created_at',
    'started_at',
    'finished_at',
    'cancel_requested',
)


def _states(names: list[str]) -> list[operation.State]:
    try:
        return [operation.State(name) for name in names]
    except ValueError:
        raise errors.InvalidArgument(
            name='state', reason=f'it must be one of {_STATES}'
        ) from None
