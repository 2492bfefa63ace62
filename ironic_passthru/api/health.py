# SPDX-License-Identifier: Apache-2.0
"""``/healthcheck/detailed``: the dependencies of the API."""

from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

import webob

from ironic_passthru import errors
from ironic_passthru.api.auth import policy
from ironic_passthru.api.http import environ_keys
from ironic_passthru.api.http import error_responses
from ironic_passthru.api.http import expose
from ironic_passthru.policies import health as rules


class HealthController:
    """Check each dependency.

    :param checks: functions by name; each returns a description, or raises
        PassthruError.
    """

    def __init__(
        self,
        checks: Mapping[str, Callable[[], str]],
        *,
        policy: policy.Policy,
        renderer: error_responses.ErrorRenderer,
    ) -> None:
        self._checks = checks
        self._policy = policy
        self._renderer = renderer

    @expose.controller
    def detailed(
        self, request: webob.Request, _response: webob.Response
    ) -> webob.Response:
        """Return the result of each check; 503 if one of them fails."""
        self._policy.authorize(
            request.environ[environ_keys.CONTEXT], rules.GET
        )
        results = {name: _run(check) for name, check in self._checks.items()}
        healthy = all(result['healthy'] for result in results.values())
        response = expose.json_response(
            {'healthy': healthy, 'checks': results},
            status=200 if healthy else 503,
        )
        if not healthy:
            response.retry_after = self._renderer.retry_after_seconds
        return response


def _run(check: Callable[[], str]) -> dict[str, Any]:
    try:
        return {'healthy': True, 'detail': check()}
    except errors.PassthruError as error:
        return {'healthy': False, 'detail': error.message}
