# SPDX-License-Identifier: Apache-2.0
"""``/healthcheck/detailed``: what the API can reach."""

from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

import webob

from ironic_passthru import errors
from ironic_passthru.api.auth import policy
from ironic_passthru.api.http import environ_keys as keys
from ironic_passthru.api.http import expose
from ironic_passthru.policies import health as rules


class HealthController:
    """Asks each dependency.

    :param checks: by name, functions that return a phrase for people, or
        raise PassthruError.
    :param retry_after_seconds: what a 503 names.
    """

    def __init__(
        self,
        checks: Mapping[str, Callable[[], str]],
        *,
        policy: policy.Policy,
        retry_after_seconds: int,
    ) -> None:
        self._checks = checks
        self._policy = policy
        self._retry_after_seconds = retry_after_seconds

    @expose.controller
    def detailed(self, request: Any, response: Any) -> webob.Response:
        """Return what each check says; 503 if one of them fails."""
        self._policy.authorize(request.environ[keys.CONTEXT], rules.GET)
        results = {name: _ask(check) for name, check in self._checks.items()}
        healthy = all(result['healthy'] for result in results.values())
        answer = expose.json_response(
            {'healthy': healthy, 'checks': results},
            status=200 if healthy else 503,
        )
        if not healthy:
            answer.retry_after = self._retry_after_seconds
        return answer


def _ask(check: Callable[[], str]) -> dict[str, Any]:
    try:
        return {'healthy': True, 'detail': check()}
    except errors.PassthruError as error:
        return {'healthy': False, 'detail': error.message}
