# SPDX-License-Identifier: Apache-2.0
"""Redfish behavior of the simulated BMC, without its connections."""

import base64
import copy
import hashlib
import hmac
import itertools
import json
import secrets
import urllib.parse
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

from ironic_passthru.testing.bmc import messages
from ironic_passthru.testing.bmc import tasks

ROOT = '/redfish/v1'
SYSTEMS = f'{ROOT}/Systems'
SYSTEM = f'{SYSTEMS}/1'
MEDIA = f'{SYSTEM}/VirtualMedia'
SESSIONS = f'{ROOT}/SessionService/Sessions'

#: Resources of a BMC with one system that has one virtual CD drive.
RESOURCES: dict[str, dict[str, Any]] = {
    ROOT: {
        '@odata.id': ROOT,
        'Id': 'Root',
        'Systems': {'@odata.id': SYSTEMS},
        'Links': {'Sessions': {'@odata.id': SESSIONS}},
    },
    SYSTEMS: {'@odata.id': SYSTEMS, 'Members': [{'@odata.id': SYSTEM}]},
    SYSTEM: {
        '@odata.id': SYSTEM,
        'Id': '1',
        'Manufacturer': 'Acme',
        'Model': 'A1',
        'SerialNumber': 'S1',
        'PowerState': 'On',
        'Status': {'Health': 'OK'},
        'IndicatorLED': 'Off',
        'VirtualMedia': {'@odata.id': MEDIA},
    },
    MEDIA: {'@odata.id': MEDIA, 'Members': [{'@odata.id': f'{MEDIA}/Cd'}]},
    f'{MEDIA}/Cd': {
        '@odata.id': f'{MEDIA}/Cd',
        'Id': 'Cd',
        'Name': 'Virtual CD',
        'MediaTypes': ['CD'],
        'Inserted': True,
        'Actions': {
            '#VirtualMedia.EjectMedia': {'target': f'{MEDIA}/Cd/Eject'}
        },
    },
}

Action = Callable[
    [messages.BmcRequest], messages.BmcReply | tasks.BmcTask | None
]


class RedfishService:
    """Resources, actions, sessions and tasks of one BMC.

    :param resources: documents by path; by default ``RESOURCES``.
    :param username: name of the only user; empty for no login.
    :ivar resources: a copy of these, which a test can change at any time.
    :ivar actions: functions by path, called for a POST in the thread of all
        BMCs. They return a response, a task, or None for status 204.
    :ivar etags: ``strong`` or ``weak`` ETags; None for none.
    :ivar require_if_match: whether a change without If-Match gets 428.
    :ivar basic: whether a login by HTTP Basic is accepted; a session always
        is.
    :ivar trailing_slash: whether paths must or must not end with a slash;
        other paths get a redirect (308). None for no redirects.
    :ivar page_size: maximum number of members of a collection in one
        response; None for no limit.
    :ivar sessions: user names by token; a test can clear it.
    """

    def __init__(
        self,
        resources: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        username: str,
        password: str,
    ) -> None:
        initial = RESOURCES if resources is None else resources
        self.resources: dict[str, dict[str, Any]] = copy.deepcopy(
            {path: dict(each) for path, each in initial.items()}
        )
        self.username = username
        self.password = password
        self.actions: dict[str, Action] = {}
        self.etags: str | None = None
        self.require_if_match = False
        self.basic = True
        self.trailing_slash: bool | None = None
        self.page_size: int | None = None
        self.sessions: dict[str, str] = {}
        self._tasks: dict[str, tasks.RunningTask] = {}

    def etag(self, path: str) -> str:
        """Return the current ETag of a resource."""
        text = json.dumps(self.resources[path], sort_keys=True)
        tag = f'"{hashlib.sha256(text.encode()).hexdigest()[:16]}"'
        return f'W/{tag}' if self.etags == 'weak' else tag

    def respond(self, request: messages.BmcRequest) -> messages.BmcReply:
        """Return the response to a request, which may change resources."""
        if moved := self._moved(request):
            return moved
        if request.http_method == 'POST' and request.path == SESSIONS:
            return self._log_in(request)
        if not self._is_allowed(request):
            return _error(401, 'Base.1.0.NoValidSession')
        handler = getattr(self, f'_{request.http_method.lower()}', None)
        if handler is None:
            return _not_allowed()
        response: messages.BmcReply = handler(request)
        return response

    def _moved(self, request: messages.BmcRequest) -> messages.BmcReply | None:
        path = request.target.partition('?')[0]
        if self.trailing_slash in (None, path.endswith('/')):
            return None
        place = request.path + ('/' if self.trailing_slash else '')
        return messages.BmcReply(308, headers={'Location': place})

    def _is_allowed(self, request: messages.BmcRequest) -> bool:
        is_root = request.http_method == 'GET' and request.path == ROOT
        if not self.username or is_root:
            return True
        if request.headers.get('x-auth-token') in self.sessions:
            return True
        if not self.basic:
            return False
        pair = f'{self.username}:{self.password}'.encode()
        expected = f'Basic {base64.b64encode(pair).decode()}'
        return request.headers.get('authorization') == expected

    def _log_in(self, request: messages.BmcRequest) -> messages.BmcReply:
        login = _body(request)
        if login is None:
            return _error(400, 'Base.1.0.MalformedJSON')
        if login.get('UserName') != self.username or not hmac.compare_digest(
            str(login.get('Password')), self.password
        ):
            return _error(401, 'Base.1.0.ResourceAtUriUnauthorized')
        token = secrets.token_hex()
        self.sessions[token] = self.username
        path = f'{SESSIONS}/{token[:8]}'
        session = {
            '@odata.id': path,
            'Id': token[:8],
            'UserName': self.username,
        }
        return messages.BmcReply(
            201, session, {'X-Auth-Token': token, 'Location': path}
        )

    def _get(self, request: messages.BmcRequest) -> messages.BmcReply:
        if request.path in self._tasks:
            return self._tasks[request.path].poll(
                monitor=request.path.startswith(f'{tasks.MONITORS}/')
            )
        found = self.resources.get(request.path)
        if found is None:
            return _not_found()
        headers = {'Allow': 'GET, PATCH, DELETE'}
        if self.etags:
            headers['ETag'] = self.etag(request.path)
        return messages.BmcReply(200, self._page(found, request), headers)

    def _page(
        self, found: dict[str, Any], request: messages.BmcRequest
    ) -> dict[str, Any]:
        """Return a resource; of a collection only the requested page."""
        members = found.get('Members')
        if not self.page_size or not isinstance(members, list):
            return found
        query = urllib.parse.parse_qs(request.query)
        begin = int(query.get('$skip', ['0'])[0])
        end = begin + self.page_size
        page = {**found, 'Members': members[begin:end]}
        page['Members@odata.count'] = len(members)
        if end < len(members):
            page['Members@odata.nextLink'] = f'{request.path}?$skip={end}'
        return page

    def _patch(self, request: messages.BmcRequest) -> messages.BmcReply:
        found = self.resources.get(request.path)
        if found is None:
            return _not_found()
        if refused := self._precondition(request):
            return refused
        change = _body(request)
        if change is None:
            return _error(400, 'Base.1.0.MalformedJSON')
        _merge(found, change)
        return messages.BmcReply(204)

    def _delete(self, request: messages.BmcRequest) -> messages.BmcReply:
        for token in list(self.sessions):
            if request.path == f'{SESSIONS}/{token[:8]}':
                del self.sessions[token]
                return messages.BmcReply(204)
        if request.path not in self.resources:
            return _not_found()
        if refused := self._precondition(request):
            return refused
        del self.resources[request.path]
        return messages.BmcReply(204)

    def _post(self, request: messages.BmcRequest) -> messages.BmcReply:
        action = self.actions.get(request.path)
        if action is None:
            if request.path in self._targets():
                return messages.BmcReply(204)
            known = request.path in self.resources
            return _not_allowed() if known else _not_found()
        result = action(request)
        if not isinstance(result, tasks.BmcTask):
            return result or messages.BmcReply(204)
        number = len(self._tasks) // 2 + 1
        task = tasks.RunningTask(result, number)
        self._tasks[f'{tasks.TASKS}/{number}'] = task
        self._tasks[f'{tasks.MONITORS}/{number}'] = task
        return task.started()

    def _targets(self) -> set[str]:
        """Return the paths of all actions in the resources."""
        return {
            action['target']
            for document in self.resources.values()
            for action in document.get('Actions', {}).values()
            if 'target' in action
        }

    def _precondition(
        self, request: messages.BmcRequest
    ) -> messages.BmcReply | None:
        given = request.headers.get('if-match')
        if given is None:
            if self.require_if_match:
                return _error(428, 'Base.1.0.PreconditionRequired')
        elif self.etags and given not in ('*', self.etag(request.path)):
            return _error(412, 'Base.1.0.PreconditionFailed')
        return None


def _body(request: messages.BmcRequest) -> dict[str, Any] | None:
    try:
        document = request.document()
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _merge(resource: dict[str, Any], change: Mapping[str, Any]) -> None:
    for name, value in change.items():
        old = resource.get(name)
        if isinstance(old, dict) and isinstance(value, dict):
            _merge(old, value)
        elif isinstance(old, list) and isinstance(value, list):
            resource[name] = _merged(old, value)
        else:
            resource[name] = value


def _merged(old: list[Any], change: list[Any]) -> list[Any]:
    """Return an array whose objects are changed by their positions."""
    merged = []
    for before, after in itertools.zip_longest(old, change, fillvalue=old):
        if after is old:
            merged.append(before)
        elif isinstance(before, dict) and isinstance(after, dict):
            _merge(before, after)
            merged.append(before)
        elif after is not None:
            merged.append(after)
    return merged


def _not_found() -> messages.BmcReply:
    return _error(404, 'Base.1.0.ResourceMissingAtURI')


def _not_allowed() -> messages.BmcReply:
    return _error(405, 'Base.1.0.OperationNotAllowed')


def _error(status: int, code: str) -> messages.BmcReply:
    return messages.BmcReply(
        status, {'error': {'code': code, 'message': f'Status {status}.'}}
    )
