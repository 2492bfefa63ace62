# SPDX-License-Identifier: Apache-2.0
"""Requests of one client to Ironic: forwarded, or for a merge."""

import json
import re
import time
from collections.abc import Mapping
from wsgiref import types as wsgi_types

import webob
from oslo_config import cfg
from oslo_log import log

from ironic_passthru import errors
from ironic_passthru.api.forwarding import exchange
from ironic_passthru.api.forwarding import merging
from ironic_passthru.api.forwarding import outgoing
from ironic_passthru.api.http import environ_keys
from ironic_passthru.api.http import links
from ironic_passthru.api.http import versions

LOG = log.getLogger(__name__)

_VERSION = re.compile(r'1\.([0-9]{1,5})')


class IronicClient:
    """Send requests of clients to Ironic.

    :raises: ConfigError if an option is missing or invalid.
    """

    def __init__(self, conf: cfg.ConfigOpts, links: links.Links) -> None:
        self._endpoint = exchange.IronicEndpoint(conf)
        self._links = links
        self._timeout_seconds: float = conf.ironic.timeout
        self._merge_seconds: float = conf.ironic.merge_timeout
        self._unavailable = False
        # Without this interval each list would wait for the timeout.
        self._merge_again_at = float('-inf')

    def forward(self, environ: wsgi_types.WSGIEnvironment) -> webob.Response:
        """Send a request once, and return the response of Ironic.

        :raises: IronicUnavailable, OutcomeUnknown, IronicResponseTooLarge,
            ForwardingLoop, RequestError.
        """
        request = outgoing.request(environ, self._links)
        request_id = environ[environ_keys.REQUEST_ID]
        try:
            answer = self._endpoint.send(
                request, timeout_seconds=self._timeout_seconds
            )
        except exchange.RequestNotSent as error:
            self._note(str(error))
            raise errors.IronicUnavailable() from None
        except exchange.ResponseLost as error:
            LOG.error(
                'No complete response of Ironic to request %s: %s',
                request_id,
                error,
            )
            raise errors.OutcomeUnknown(
                request_id=request_id, hint='It was forwarded to Ironic.'
            ) from None
        except exchange.ResponseTooLarge:
            raise errors.IronicResponseTooLarge(
                limit=self._endpoint.max_size, request_id=request_id
            ) from None
        self._note(None)
        return outgoing.response(answer, request.http_method)

    def read(
        self,
        environ: wsgi_types.WSGIEnvironment,
        query: str,
        rule: merging.MergeRule,
    ) -> merging.Resource | None:
        """Return the resource of Ironic at the path of a request.

        :returns: None if Ironic has none for the caller, or is unavailable.
        :raises: ForwardingLoop, RequestError.
        """
        if time.monotonic() < self._merge_again_at:
            return None
        headers = outgoing.headers(environ, self._links)
        target = outgoing.target(environ, query)
        try:
            answer = self._get(target, headers)
            older = _older(answer, environ[environ_keys.VERSION])
            if older is not None:
                for name in outgoing.VERSION_HEADERS:
                    headers.pop(name, None)
                headers[versions.HEADER] = older
                answer = self._get(target, headers)
            if answer.status >= 500:
                # Not an outage: Ironic has this status also for callers with
                # a token of the wrong scope, who must not affect others.
                LOG.info(
                    'Ironic has status %d for request %s: the response lacks '
                    'its resources',
                    answer.status,
                    environ[environ_keys.REQUEST_ID],
                )
            found = _resource(answer, rule)
        except (exchange.ExchangeError, merging.NotMergeable) as error:
            self._merge_again_at = time.monotonic() + self._merge_seconds
            self._note(str(error))
            return None
        self._note(None)
        return found

    def _get(
        self, target: str, headers: Mapping[str, str]
    ) -> exchange.IronicResponse:
        return self._endpoint.send(
            exchange.IronicRequest(
                'GET', target, {**headers, 'Accept': 'application/json'}
            ),
            timeout_seconds=self._merge_seconds,
        )

    def _note(self, reason: str | None) -> None:
        """Log that Ironic becomes unavailable, or available again.

        :param reason: of a failure; None after a response.
        """
        if reason is not None and not self._unavailable:
            LOG.warning(
                'Ironic is unavailable: %s; its drivers are not listed, and '
                'requests for them fail',
                reason,
            )
        elif reason is None and self._unavailable:
            LOG.info('Ironic is available again')
        self._unavailable = reason is not None


def _older(
    answer: exchange.IronicResponse, version: versions.APIVersion
) -> str | None:
    """Return the maximum version of an Ironic that lacks the requested one."""
    if answer.status != 406:
        return None
    text = answer.headers.get(versions.MAXIMUM_HEADER, '')
    match = _VERSION.fullmatch(text)
    return text if match and int(match[1]) < version.minor else None


def _resource(
    answer: exchange.IronicResponse, rule: merging.MergeRule
) -> merging.Resource | None:
    """Return the body of a response; None if Ironic has an error.

    :raises: NotMergeable.
    """
    if answer.status != 200:
        return None
    try:
        return rule.check(json.loads(answer.body))
    except (ValueError, RecursionError):
        raise merging.NotMergeable('the response is not JSON') from None
