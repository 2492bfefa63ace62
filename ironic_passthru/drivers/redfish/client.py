# SPDX-License-Identifier: Apache-2.0
"""Reading and changing resources in one call on one BMC."""

import dataclasses
import functools
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any
from typing import Self

from ironic_passthru.drivers.redfish import bmc_target
from ironic_passthru.drivers.redfish import deadline as call_deadline
from ironic_passthru.drivers.redfish import extended_info
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.drivers.redfish import firmware_upload
from ironic_passthru.drivers.redfish import resource
from ironic_passthru.drivers.redfish import sender
from ironic_passthru.drivers.redfish import tasks
from ironic_passthru.drivers.redfish import trust

#: Limits of a collection; the data of a call has a lower one.
MAX_PAGES = 200
MAX_MEMBERS = 10_000

# A read that starts later would be cut by the deadline.
_LAST_READ_SECONDS = 0.5


def ignore_progress(percent: float) -> None:
    """Ignore the progress of a task."""


class BmcClient:
    """Reads and changes resources; use it as a context manager.

    :param on_progress: called with the percentage of the task of a change.
    :cvar dry_run: whether changes are recorded instead of sent.
    :raises: from every method that sends a request the exceptions of
        :mod:`failures`, which :func:`failures.classify` maps to codes.
    """

    dry_run = False

    def __init__(
        self,
        target: bmc_target.Target,
        deadline: call_deadline.Deadline,
        trusted: trust.TrustStore,
        *,
        connect_timeout_seconds: float,
        read_timeout_seconds: float,
        on_progress: Callable[[float], None] = ignore_progress,
        send_trace_headers: bool = False,
    ) -> None:
        self._on_progress = on_progress
        self._deadline = deadline
        self._root: resource.Resource | None = None
        self._target = target
        self._make = functools.partial(
            BmcClient,
            deadline=deadline,
            trusted=trusted,
            connect_timeout_seconds=connect_timeout_seconds,
            read_timeout_seconds=read_timeout_seconds,
            send_trace_headers=send_trace_headers,
        )
        self._sender = sender.RequestSender(
            target,
            deadline,
            trusted,
            connect_timeout_seconds=connect_timeout_seconds,
            read_timeout_seconds=read_timeout_seconds,
            send_trace_headers=send_trace_headers,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Delete the session, if any, and close the connection."""
        self._sender.close()

    def add_secret(self, secret: str) -> None:
        """Redact a text in messages of the BMC."""
        self._sender.messages.add_secret(secret)

    def with_password(self, password: str) -> 'BmcClient':
        """Return a client that uses another password; close it, too.

        A wrong password counts as one failed login for the BMC if this client
        has been accepted.
        """
        address = dataclasses.replace(
            self._target.address,
            password=password,
            login=self._sender.login_kind,
        )
        return self._make(dataclasses.replace(self._target, address=address))

    @property
    def is_cancelled(self) -> bool:
        """Whether to wait no longer for the effect of a change."""
        return self._deadline.is_cancelled

    def pause(self, seconds: float) -> bool:
        """Sleep between two reads, at most until the last one.

        :returns: whether there is time for another read.
        """
        left = self._deadline.left_seconds() - _LAST_READ_SECONDS
        if left <= 0:
            return False
        time.sleep(min(seconds, left))
        return True

    def messages(
        self, document: resource.JsonObject
    ) -> tuple[failures.BmcMessage, ...]:
        """Return the first 10 messages of a document, without secrets."""
        return self._sender.messages.all_of(document.document)

    def redact(self, text: str) -> str:
        """Return the first 4000 characters of a text, without secrets.

        The secrets are address and credentials of this BMC.
        """
        return self._sender.messages.redact(text)

    @property
    def peer_certificate(self) -> Mapping[str, Any]:
        """Fields of the BMC's certificate; empty if it is not verified.

        They have the names of :meth:`ssl.SSLSocket.getpeercert`. A request
        must have been sent before.
        """
        return self._sender.peer_certificate

    def root(self) -> resource.Resource:
        """Return the service root, which is read once."""
        if self._root is None:
            self._root = self.get(sender.ROOT)
        return self._root

    def get(self, path: str) -> resource.Resource:
        """Read a resource."""
        return self._read(path)

    def follow(
        self, source: resource.JsonObject, *names: str
    ) -> resource.Resource:
        """Read the resource that a link of another one refers to.

        :raises: NotSupported if the link is missing.
        """
        path = source.link(*names)
        if path is None:
            raise failures.NotSupported()
        return self.get(path)

    def member_paths(self, collection: resource.Resource) -> list[str]:
        """Return the paths of the members of a collection."""
        return [each.path for each in self.members(collection)]

    def members(
        self, collection: resource.Resource
    ) -> Iterator[resource.Resource]:
        """Yield the members as a collection contains them.

        Most contain only links; some, as those of logs, complete members.

        :raises: BadAnswer if a page is repeated or a limit exceeded.
        """
        page, seen, count = collection, {collection.path}, 0
        while True:
            for member in page.mappings('Members'):
                path = member.link()
                if path is not None:
                    count += 1
                    if count > MAX_MEMBERS:
                        raise failures.BadAnswer()
                    yield resource.Resource(path, member.document)
            following = page.value('Members@odata.nextLink')
            if not isinstance(following, str) or not following:
                return
            if following in seen or len(seen) >= MAX_PAGES:
                raise failures.BadAnswer()
            seen.add(following)
            page = self.get(following)

    def patch(
        self,
        target: resource.Resource,
        change: Mapping[str, Any],
        *,
        follow: bool = True,
    ) -> resource.Resource:
        """Change properties of a resource if it has not changed since.

        :param follow: whether to wait for the end of a task. The task of a
            change for the next reset of the system does not end before.
        :raises: ChangedMeanwhile; PreconditionMissing;
            RejectedAfterAcceptance if a message of the response is about one
            of the properties; NotApplied if the response has the old value.
        """
        request = sender.BmcChange('PATCH', target.path, change, target.etag)
        response = self._change(request, follow=follow)
        self._check(response, change)
        sent = resource.JsonObject(change)
        for names in extended_info.leaves(change):
            old, new = target.value(*names), response.value(*names)
            # The value of a write-only property is null.
            if new is not None and new == old != sent.value(*names):
                raise failures.NotApplied()
        return response

    def poll(self, path: str) -> resource.Resource:
        """Read a resource without effect on the data limit of the call."""
        return self._read(path, counted=False)

    def _read(self, path: str, *, counted: bool = True) -> resource.Resource:
        response = self._sender.get(path, counted=counted)
        if error := self._sender.error_of(response):
            raise error
        return resource.Resource(
            path,
            resource.decode(response.content),
            response.status,
            response.headers,
        )

    def put(
        self, target: resource.Resource, document: Mapping[str, Any]
    ) -> resource.Resource:
        """Replace a resource if it has not changed since."""
        change = sender.BmcChange('PUT', target.path, document, target.etag)
        return self._check(self._change(change), document)

    def post(
        self,
        path: str,
        document: Mapping[str, Any] | None = None,
        *,
        follow: bool = True,
    ) -> resource.Resource:
        """Run an action or create a resource.

        Every BMC must accept an empty object as the body (DSP0266).

        :param follow: whether to wait for the end of a task.
        """
        change = sender.BmcChange('POST', path, document or {})
        return self._check(self._change(change, follow=follow))

    def upload(
        self,
        path: str,
        form: firmware_upload.MultipartForm,
        *,
        follow: bool = True,
    ) -> resource.Resource:
        """Send a file and its parameters.

        :param follow: whether to wait for the end of a task.
        """
        change = sender.BmcChange('POST', path, form)
        return self._check(self._change(change, follow=follow))

    def act(
        self,
        target: resource.JsonObject,
        action: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        follow: bool = True,
    ) -> resource.Resource:
        """Run an action of a resource, such as ``#ComputerSystem.Reset``.

        :raises: NotSupported if the resource lacks the action.
        """
        found = target.action(action)
        if found is None:
            raise failures.NotSupported()
        return self.post(found.target, parameters, follow=follow)

    def delete(self, path: str) -> resource.Resource:
        """Delete a resource."""
        return self._check(self._change(sender.BmcChange('DELETE', path)))

    def _change(
        self, change: sender.BmcChange, *, follow: bool = True
    ) -> resource.Resource:
        """Send a change; follow its task to the end."""
        task, path = None, change.path
        self._deadline.begin_change()
        response = self._sender.change(change)
        if error := self._sender.error_of(response):
            raise error
        if tasks.is_task(response):
            task = resource.printable(tasks.task_path(response, path))
        if tasks.is_task(response) and follow:
            follower = tasks.TaskFollower(
                # A long task has more polls than the data limit allows.
                functools.partial(self._sender.get, counted=False),
                self._deadline,
                self._sender.messages,
                self._on_progress,
            )
            response = follower.follow(response, path)
        try:
            body = resource.decode(response.content)
        except failures.BadAnswer:
            # The status of a change is sufficient.
            body = {}
        return resource.Resource(
            path, body, response.status, response.headers, task=task
        )

    def _check(
        self,
        response: resource.Resource,
        changed: Mapping[str, Any] | None = None,
    ) -> resource.Resource:
        """Return the response unless its messages reject the change.

        :param changed: only messages about these properties matter; ``None``
            for all.
        """
        messages = self._sender.messages.rejections(response.document, changed)
        if messages:
            raise failures.RejectedAfterAcceptance(messages=messages)
        return response
