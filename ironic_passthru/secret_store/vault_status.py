# SPDX-License-Identifier: Apache-2.0
"""Statuses of Vault that castellan does not check (5.8.0).

It takes the body of 400, 429, 502 and others for a secret. A server that is
limited, on standby, or behind a proxy must not look like an invalid secret.
"""

from typing import Any

import requests

_FORBIDDEN = 403
_NOT_FOUND = 404
# Of a login, with a reason.
_BAD_REQUEST = 400


def check(manager: object) -> None:
    """Report these statuses as errors of the server.

    :param manager: any key manager; others than that of Vault are not changed.
    """
    session = getattr(manager, '_session', None)
    if isinstance(session, requests.Session):
        session.hooks['response'].append(_check_response)


def _check_response(response: requests.Response, **_: Any) -> None:
    """Reject a status.

    :raises: HTTPError.
    """
    status = response.status_code
    is_login = response.request.method == 'POST'
    if (
        status < _BAD_REQUEST
        or status in (_FORBIDDEN, _NOT_FOUND)
        or (is_login and status == _BAD_REQUEST)
    ):
        return
    raise requests.HTTPError(f'HTTP {status} {response.reason}')
