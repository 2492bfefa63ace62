# SPDX-License-Identifier: Apache-2.0
"""The operations."""

import re
from typing import Any
from urllib import parse

import webob

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru.api.auth import policy
from ironic_passthru.api.calls import audit_data
from ironic_passthru.api.calls import long_poll
from ironic_passthru.api.calls import responses
from ironic_passthru.api.http import environ_keys as keys
from ironic_passthru.api.http import error_responses
from ironic_passthru.api.http import expose
from ironic_passthru.api.http import links
from ironic_passthru.api.http import prefer
from ironic_passthru.api.http import query
from ironic_passthru.api.v1 import types
from ironic_passthru.db import operations
from ironic_passthru.policies import operations as rules

# The number is that of Ironic's option max_limit.
MAX_LIMIT = 1000

_ALWAYS = frozenset({'links'})
# They may be large, so lists go without them.
_NOT_IN_LISTS = ('parameters', 'targets', 'error')
_STATES = ', '.join(operation.State)
# Databases do not agree on what other text is equal to what.
_ID = re.compile(r'[!-~]{1,64}')
# Stands for the owner of an operation that does not exist.
_OTHER = operation.Owner(project_id='-')


class OperationsController:
    """``/v1/operations``."""

    def __init__(
        self,
        operations: operations.OperationStore,
        links: links.Links,
        *,
        policy: policy.Policy,
        answers: responses.CallResponses,
        waits: long_poll.LongPoll,
    ) -> None:
        self._operations = operations
        self._links = links
        self._policy = policy
        self._answers = answers
        self._waits = waits

    def _one(self, request: Any, operation_id: str) -> operation.Operation:
        """Return an operation that the caller may see.

        :raises: OperationNotFound or, for those who may see none at all,
            Forbidden; either of them whether there is one or not.
        """
        context = request.environ[keys.CONTEXT]
        owner = self._owner(operation_id)
        # Decided for a missing operation as well, which takes as long.
        target = _target(owner or _OTHER, context)
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
        self, request: Any, operation_id: str
    ) -> operation.Operation:
        found = self._one(request, operation_id)
        context = request.environ[keys.CONTEXT]
        target = _target(_owner(found), context)
        self._policy.authorize(context, rules.CANCEL, target)
        return found

    def _listed(self, request: Any) -> operation.Owner | None:
        """Return whose operations the caller may list; None for all.

        :raises: Forbidden.
        """
        context = request.environ[keys.CONTEXT]
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
        state=expose.Argument(types.name_list),
        request_id=expose.Argument(types.text),
        conductor=expose.Argument(types.text),
        limit=expose.Argument(int),
        marker=expose.Argument(str),
        fields=expose.Argument(types.name_list),
    )
    def get_all(
        self,
        request: Any,
        owner: operation.Owner | None,
        *,
        state: list[str] | None = None,
        limit: int = 0,
        marker: str | None = None,
        fields: list[str] | None = None,
        **filters: str,
    ) -> types.OperationCollection:
        """Return operations, newest first."""
        states = _states(state or [])
        _check_fields(fields, _NOT_IN_LISTS)
        if limit < 0:
            raise errors.InvalidArgument(
                name='limit', reason='it must not be negative'
            )
        limit = min(limit, MAX_LIMIT) or MAX_LIMIT
        # One more than wanted tells whether there are more.
        found = self._operations.page(
            limit=limit + 1,
            marker=self._marker(marker, owner),
            states=states,
            owner=owner,
            **filters,
        )
        collection = types.OperationCollection(
            operations=[
                self._resource(request, one, fields=fields)
                for one in found[:limit]
            ]
        )
        if len(found) > limit:
            collection.next = self._next(request, limit, found[limit - 1].id)
        return collection

    @expose.expose(
        types.OperationResource,
        subject=_one,
        fields=expose.Argument(types.name_list),
    )
    def get_one(
        self,
        request: Any,
        found: operation.Operation,
        fields: list[str] | None = None,
    ) -> expose.ExposedResponse:
        """Return one operation in detail, once it is final if so wished."""
        _check_fields(fields)
        found, headers = self._hold(request, found)
        return expose.ExposedResponse(
            self._detail(request, found, fields=fields),
            headers=headers | self._retry_after(found),
        )

    @expose.controller
    def result(
        self, request: Any, response: Any, operation_id: str
    ) -> webob.Response:
        """Return what a synchronous call would have been answered."""
        found = self._one(request, operation_id)
        if not found.attach:
            error_responses.check_accept(request.environ)
        unexpected = query.parameters(request.environ)
        if unexpected:
            raise errors.UnexpectedArguments(names=', '.join(unexpected))
        found, headers = self._hold(request, found)
        if found.final:
            answer = self._answers.outcome(request, found)
        else:
            location = self._answers.location(request, found.id)
            answer = self._answers.accepted(location)
        answer.headers.update(headers)
        return answer

    @expose.expose(types.OperationResource, subject=_one_to_cancel)
    def delete(
        self, request: Any, found: operation.Operation
    ) -> expose.ExposedResponse:
        """Cancel a queued operation, ask a running one to end."""
        noted = audit_data.of(request.environ)
        noted.cancelled = found
        # Whatever the links need is looked at before anything is done.
        self._links.base(request)
        noted.requested = self._operations.cancel(found.id)
        noted.cancelled = found = self._one(request, found.id)
        if not noted.requested:
            raise errors.OperationFinal(
                operation=found.id, state=found.state.value
            )
        return expose.ExposedResponse(
            self._detail(request, found),
            status=200 if found.final else 202,
            headers=self._retry_after(found),
        )

    def _hold(
        self, request: Any, found: operation.Operation
    ) -> tuple[operation.Operation, dict[str, str]]:
        """Wait as the client prefers.

        :returns: the operation then, and what the answer must tell.
        """
        preferences = prefer.parse(request.headers.get('Prefer'))
        held = self._waits.hold(found.id, preferences.wait_seconds)
        if held is None:
            return found, {}
        if not found.final:
            found = self._one(request, found.id)
        return found, prefer.applied([f'wait={held}'])

    def _retry_after(self, found: operation.Operation) -> dict[str, str]:
        if found.final:
            return {}
        return {'Retry-After': str(self._answers.retry_after_seconds)}

    def _marker(
        self, marker: str | None, owner: operation.Owner | None
    ) -> operation.Operation | None:
        if marker is None:
            return None
        its_owner = self._owner(marker)
        found = None
        if its_owner is not None and owner in (None, its_owner):
            found = self._operations.get(marker)
        if found is None:
            # What may not be listed is not told to exist either.
            raise errors.InvalidArgument(
                name='marker', reason='there is no such operation'
            )
        return found

    def _next(self, request: Any, limit: int, marker: str) -> str:
        """Return the URL of the page after one that ends with ``marker``."""
        values = query.parameters(request.environ)
        values |= {'limit': str(limit), 'marker': marker}
        href = self._links.href(request, 'operations')
        return f'{href}?{parse.urlencode(values)}'

    def _resource(
        self,
        request: Any,
        found: operation.Operation,
        *,
        fields: list[str] | None = None,
    ) -> types.OperationResource:
        resource = types.OperationResource(
            progress=types.ProgressResource(
                percent=found.progress.percent, message=found.progress.message
            ),
            links=self._links.resource(request, 'operations', found.id),
            **{name: getattr(found, name) for name in _PLAIN},
        )
        if fields:
            types.select(resource, fields, _ALWAYS)
        return resource

    def _detail(
        self,
        request: Any,
        found: operation.Operation,
        *,
        fields: list[str] | None = None,
    ) -> types.OperationResource:
        resource = self._resource(request, found)
        resource.parameters = found.parameters
        resource.targets = found.targets
        resource.error = found.error and types.OperationError(
            status=found.error.status,
            code=found.error.code,
            message=found.error.message,
        )
        if fields:
            types.select(resource, fields, _ALWAYS)
        return resource


def _owner(found: operation.Operation) -> operation.Owner:
    return operation.Owner.of(found.project_id, found.user_id)


def _target(
    owner: operation.Owner, context: request_context.RequestContext
) -> dict[str, str]:
    """Return what rules can ask of an operation.

    The user counts only where neither side has a project: somebody who
    calls for a project has not lent it what was done for another.
    """
    if owner.project_id is not None:
        return {'project_id': owner.project_id}
    if owner.user_id is not None and not context.project_id:
        return {'user_id': owner.user_id}
    return {}


# What an operation shows as it is recorded.
_PLAIN = (
    'id',
    'driver',
    'method',
    'http_method',
    'state',
    'user_id',
    'project_id',
    'request_id',
    'conductor',
    'incarnation',
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


def _check_fields(
    fields: list[str] | None, without: tuple[str, ...] = ()
) -> None:
    unknown = types.unknown_fields(types.OperationResource, fields or [])
    unknown += [name for name in fields or [] if name in without]
    if unknown:
        raise errors.InvalidArgument(
            name='fields',
            reason=f'an operation has no {", ".join(unknown)} here',
        )
