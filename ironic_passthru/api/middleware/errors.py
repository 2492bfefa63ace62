# SPDX-License-Identifier: Apache-2.0
"""The layer that turns errors of those below it into answers."""

from collections.abc import Iterable
from typing import Any

from oslo_log import log

from ironic_passthru import errors
from ironic_passthru.api.http import environ_keys as keys
from ironic_passthru.api.http import error_responses

LOG = log.getLogger(__name__)


class ErrorWrapper:
    """Renders whatever is raised below.

    :param retry_after_seconds: what a 503 names.
    :param tracebacks: whether clients are told what only the log should be.
    """

    def __init__(
        self,
        application: Any,
        retry_after_seconds: int,
        *,
        tracebacks: bool = False,
    ) -> None:
        self._application = application
        self._retry_after_seconds = retry_after_seconds
        self._tracebacks = tracebacks
        if tracebacks:
            LOG.warning(
                'Option debug_tracebacks_in_api in group [api] is set: '
                'answers tell clients about the inside of the service'
            )

    def __call__(
        self, environ: dict[str, Any], start_response: Any
    ) -> Iterable[bytes]:
        if self._tracebacks:
            environ[keys.TRACEBACKS] = True
        try:
            if not environ.setdefault('REQUEST_METHOD', ''):
                # uWSGI hands on what is not even HTTP.
                raise errors.RequestError(reason='it names no method')
            return self._application(environ, start_response)
        except Exception as error:
            response = error_responses.render(
                error,
                environ,
                retry_after_seconds=self._retry_after_seconds,
            )
            return response(environ, start_response)
