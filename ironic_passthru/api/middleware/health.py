# SPDX-License-Identifier: Apache-2.0
"""``/healthcheck``: whether the process lives, and what it can reach."""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

import webob
from oslo_config import cfg

from ironic_passthru import errors

_PATH = '/healthcheck'
_DETAILED = '/healthcheck/detailed'


class Health:
    """Answers the health checks before anything of a request is examined.

    The short one is oslo.middleware's, for load balancers: it is healthy
    while the process can answer. The detailed one asks each dependency.

    :param checks: by name, functions that return a phrase for people, or
        raise PassthruError.
    """

    def __init__(
        self,
        application: Any,
        conf: cfg.ConfigOpts,
        checks: Mapping[str, Callable[[], str]],
    ) -> None:
        self._application = application
        self._conf = conf
        self._checks = checks
        self._short: Any = None

    def __call__(
        self, environ: dict[str, Any], start_response: Any
    ) -> Iterable[bytes]:
        path = environ.get('PATH_INFO', '')
        if not path.startswith(_PATH):
            return self._application(environ, start_response)
        path = path.removesuffix('/')
        if path not in (_PATH, _DETAILED):
            raise errors.RouteNotFound()
        if environ['REQUEST_METHOD'] not in ('GET', 'HEAD'):
            raise errors.VerbNotAllowed(
                verb=environ['REQUEST_METHOD'], allow=['GET', 'HEAD']
            )
        answer = self._detailed if path == _DETAILED else self._plain()
        return answer(environ, start_response)

    def _plain(self) -> Any:
        if self._short is None:
            # It brings a template engine along, so it is not loaded before
            # somebody asks.
            from oslo_middleware import healthcheck

            self._short = healthcheck.Healthcheck(None, self._conf)
        return self._short

    def _detailed(
        self, environ: dict[str, Any], start_response: Any
    ) -> Iterable[bytes]:
        results = {
            name: _ask(check) for name, check in self._checks.items()
        }
        healthy = all(result['healthy'] for result in results.values())
        response = webob.Response(status=200 if healthy else 503)
        response.content_type = 'application/json'
        response.json_body = {'healthy': healthy, 'checks': results}
        return response(environ, start_response)


def _ask(check: Callable[[], str]) -> dict[str, Any]:
    try:
        return {'healthy': True, 'detail': check()}
    except errors.PassthruError as error:
        return {'healthy': False, 'detail': error.message}

