# SPDX-License-Identifier: Apache-2.0
"""The client."""

import contextlib
import dataclasses
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any
from typing import TypeVar
from urllib import parse

from keystoneauth1 import adapter
from keystoneauth1 import session as auth_session

from ironic_passthru.client import arguments
from ironic_passthru.client import exceptions
from ironic_passthru.client import records
from ironic_passthru.client import responses
from ironic_passthru.client import transport
from ironic_passthru.client import waiting

SERVICE_TYPE = 'baremetal'

_T = TypeVar('_T')
_R = TypeVar('_R', bound=records.Record)

_NO_HEADERS: Mapping[str, str] = {}

# The service executes a call with the same key once.
_CHANGING = frozenset({'POST', 'PUT', 'DELETE', 'PATCH'})


@dataclasses.dataclass(frozen=True)
class _Call:
    """A call that can be sent.

    :param output: destination of the result.
    :param forwarded: whether Ironic runs it, without an operation.
    """

    request: transport.HTTPRequest
    wait: bool
    timeout: float | None
    progress: waiting.ProgressCallback | None
    output: responses.Output | None
    forwarded: bool


class Client:
    """Client of one service.

    It is not safe for use by several threads.

    :param session: a session of keystoneauth, or an adapter of one, such as
        ``connection.baremetal`` of openstacksdk.
    :param service_type: of the endpoint in the service catalog.
    :param api_version: API version, ``1.N`` or ``latest``.
    :param retries: number of repetitions of a request that certainly was not
        executed, or whose repetition is safe.
    :param options: further arguments of ``keystoneauth1.adapter.Adapter`` for
        a session, such as ``region_name`` and ``endpoint_override``.
    """

    def __init__(
        self,
        session: auth_session.Session | adapter.Adapter,
        *,
        service_type: str = SERVICE_TYPE,
        api_version: str = 'latest',
        retries: int = 4,
        **options: Any,
    ) -> None:
        if not isinstance(session, adapter.Adapter):
            session = adapter.Adapter(
                session, service_type=service_type, **options
            )
        self._transport = transport.Transport(
            session, api_version=api_version, retries=retries
        )
        self._methods: dict[
            tuple[str, str, str | None], records.MethodInfo
        ] = {}

    def drivers(self) -> Iterator[records.DriverInfo]:
        """Yield the drivers that live conductors offer."""
        yield from self._read(
            '/v1/drivers',
            lambda page: _records(records.DriverInfo, page['drivers']),
        )

    def methods(
        self, driver: str, *, conductor_group: str | None = None
    ) -> Iterator[records.MethodInfo]:
        """Yield the methods of a driver that the caller may call.

        :param conductor_group: only those that conductors of this group
            offer; empty for conductors without a group.
        """
        yield from self._read(
            f'{_driver(driver)}/vendor_passthru/methods',
            lambda found: [
                records.MethodInfo.of(name, document)
                for name, document in found.items()
            ],
            arguments.group_headers(conductor_group),
            detail='True',
        )

    def method(
        self, driver: str, name: str, *, conductor_group: str | None = None
    ) -> records.MethodInfo:
        """Return a method with the schemas of its parameters and result.

        It is read once; an error of the service to a call discards it.

        :param conductor_group: as for :meth:`methods`.
        :raises: ResourceMissing.
        """
        key = (driver, name, conductor_group)
        if key not in self._methods:
            self._methods[key] = self._read(
                f'{_driver(driver)}/vendor_passthru/methods/'
                f'{arguments.quoted(name)}',
                lambda found: records.MethodInfo.of(name, found),
                arguments.group_headers(conductor_group),
            )
        return self._methods[key]

    def call(
        self,
        driver: str,
        method: str,
        parameters: Mapping[str, Any] | None = None,
        /,
        *,
        http_method: str | None = None,
        wait: bool = False,
        timeout: float | None = None,
        progress: waiting.ProgressCallback | None = None,
        idempotency_key: str | None = None,
        conductor_group: str | None = None,
        respond_async: bool = False,
        output: responses.Output | None = None,
        **more: Any,
    ) -> Any:
        """Call a method at most once.

        A call that changes something is sent with an idempotency key, so that
        its repetition after a lost connection does not run it twice. Ironic
        does not support keys: a call of its methods is not repeated.

        :param parameters: parameters whose names are arguments of this
            function, or no identifiers.
        :param http_method: needed if the method has several.
        :param wait: whether to wait for the result of an asynchronous call.
        :param timeout: limit for that, and for the response to a synchronous
            call, in seconds. The method continues.
        :param progress: called with the operation at least once a second
            during the wait.
        :param idempotency_key: by default a random one.
        :param conductor_group: the only group of conductors that may run the
            method; empty for conductors without a group. By default any.
        :param respond_async: whether to run a synchronous method as an
            operation.
        :param output: path or binary file to which the result is written.
        :param more: further parameters.
        :returns: the result, a JSON value;
            :class:`~ironic_passthru.client.records.DownloadedFile` for a
            file;
            :class:`~ironic_passthru.client.records.OperationInfo` for an
            asynchronous call without ``wait``; None for one of Ironic.
        :raises: InvalidCall, CallNotRun, RequestFailed, UnknownOutcome,
            OperationStopped, WaitTimedOut.
        """
        responses.check_output(output)
        found = self.method(driver, method, conductor_group=conductor_group)
        headers = arguments.group_headers(conductor_group)
        if respond_async:
            headers['Prefer'] = 'respond-async'
        verb = arguments.http_method(found, http_method)
        repeatable = verb in _CHANGING and not found.forwarded
        if found.forwarded and idempotency_key is not None:
            raise exceptions.InvalidCall(
                f'Ironic runs {method}, and does not support idempotency keys.'
            )
        if repeatable:
            headers[transport.KEY_HEADER] = arguments.idempotency_key(
                idempotency_key
            )
        request = transport.HTTPRequest(
            verb,
            f'{_driver(driver)}/vendor_passthru',
            query={'method': method},
            headers=headers,
            body=responses.dumps({**(parameters or {}), **more}),
            repeatable=repeatable,
            stream=output is not None,
            is_logged=not arguments.has_secrets(found),
            timeout=timeout,
        )
        try:
            return self._run(
                _Call(
                    request, wait, timeout, progress, output, found.forwarded
                )
            )
        except exceptions.ClientError as error:
            error.idempotency_key = headers.get(transport.KEY_HEADER)
            if isinstance(error, exceptions.RequestFailed):
                self._methods.pop((driver, method, conductor_group), None)
            raise

    def _run(self, call: _Call) -> Any:
        try:
            response = self._transport.send(call.request)
        except exceptions.RequestFailed as error:
            # The response to an earlier request with this key was lost.
            if error.code != 'operation_active' or not error.operation_id:
                raise
            operation_id = error.operation_id
        else:
            if response.status_code == 202 and call.forwarded:
                return None
            if response.status_code != 202:
                return responses.result(response, call.output)
            location = responses.operation_id(response)
            if location is None:
                raise exceptions.UnknownOutcome(
                    'The call was accepted, but the response has no Location.'
                )
            operation_id = location
        with waiting.accepted(operation_id):
            if not call.wait:
                return self.operation(operation_id)
            self.wait(
                operation_id, timeout=call.timeout, progress=call.progress
            )
            return self.result(operation_id, output=call.output)

    def operations(self, **filters: Any) -> Iterator[records.OperationInfo]:
        """Yield operations, by default newest first.

        :param filters: parameters of ``GET /v1/operations``, such as
            ``state``, ``driver``, ``method``, ``target``, ``created_after``;
            lists are joined by commas. ``limit`` is the size of a page.
        :raises: RequestFailed for unknown filters.
        """
        query = {
            name: ','.join(value) if isinstance(value, list | tuple) else value
            for name, value in filters.items()
            if value is not None
        }
        while True:
            found, following = self._read(
                '/v1/operations',
                lambda page: (
                    _records(records.OperationInfo, page['operations']),
                    parse.urlsplit(page.get('next') or '').query,
                ),
                **query,
            )
            yield from found
            if not following:
                return
            query = dict(parse.parse_qsl(following))

    def operation(self, operation_id: str) -> records.OperationInfo:
        """Return an operation.

        :raises: ResourceMissing.
        """
        return self._read(
            f'/v1/operations/{arguments.quoted(operation_id)}',
            records.OperationInfo.from_json,
        )

    def wait(
        self,
        operation_id: str,
        *,
        timeout: float | None = None,
        progress: waiting.ProgressCallback | None = None,
    ) -> records.OperationInfo:
        """Return an operation when it has finished, in any state.

        :param timeout: in seconds; None for no limit.
        :param progress: called with the operation at least once a second.
        :raises: WaitTimedOut.
        """
        return waiting.wait(
            self._transport,
            arguments.quoted(operation_id),
            timeout=timeout,
            progress=progress,
        )

    def cancel(self, operation_id: str) -> records.OperationInfo:
        """Cancel a queued operation, or request it for a running one.

        :raises: RequestFailed if it has finished.
        """
        response = self._transport.send(
            transport.HTTPRequest(
                'DELETE', f'/v1/operations/{arguments.quoted(operation_id)}'
            )
        )
        return responses.record(response, records.OperationInfo.from_json)

    def result(
        self, operation_id: str, *, output: responses.Output | None = None
    ) -> Any:
        """Return the result of an operation that has finished.

        :param output: path or binary file to which the result is written.
        :returns: as :meth:`call` with ``wait``.
        :raises: WaitTimedOut if it has not finished; as :meth:`call`.
        """
        responses.check_output(output)
        response = self._transport.send(
            transport.HTTPRequest(
                'GET',
                f'/v1/operations/{arguments.quoted(operation_id)}/result',
                repeatable=True,
                stream=output is not None,
                # It may contain secrets.
                is_logged=False,
            )
        )
        if response.status_code == 202:
            error = exceptions.WaitTimedOut(
                f'Operation {operation_id} has not finished.'
            )
            error.operation_id = operation_id
            raise error
        return responses.result(response, output)

    def download(
        self, operation_id: str, output: responses.Output
    ) -> records.DownloadedFile:
        """Write the result of an operation to a file.

        :param output: path or binary file. A path is replaced when the result
            is complete.
        :raises: as :meth:`result`.
        """
        file: records.DownloadedFile = self.result(operation_id, output=output)
        return file

    def conductors(self) -> Iterator[records.ConductorInfo]:
        """Yield all registered conductors."""
        yield from self._read(
            '/v1/conductors',
            lambda page: _records(records.ConductorInfo, page['conductors']),
            detail='True',
        )

    def health(self) -> records.HealthInfo:
        """Return the health of the service and of what it depends on."""
        response = self._transport.send(
            transport.HTTPRequest(
                'GET', '/healthcheck/detailed', accepted=(503,)
            )
        )
        return responses.record(response, records.HealthInfo.from_json)

    def _read(
        self,
        path: str,
        make: Callable[[Any], _T],
        headers: Mapping[str, str] = _NO_HEADERS,
        /,
        **query: Any,
    ) -> _T:
        """Return what ``make`` returns for a JSON document.

        :raises: CallNotRun also if the connection was lost: reading changes
            nothing.
        """
        try:
            response = self._transport.send(
                transport.HTTPRequest(
                    'GET', path, query=query, headers=headers, repeatable=True
                )
            )
        except exceptions.UnknownOutcome as error:
            raise exceptions.CallNotRun(
                error.message,
                code=error.code,
                status=error.status,
                request_id=error.request_id,
            ) from None
        with contextlib.closing(response):
            return responses.record(response, make)


def _records(kind: type[_R], documents: Any) -> list[_R]:
    return [kind.from_json(document) for document in documents]


def _driver(name: str) -> str:
    return f'/v1/drivers/{arguments.quoted(name)}'
