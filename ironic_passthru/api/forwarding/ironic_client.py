# SPDX-License-Identifier: Apache-2.0
"""Requests of one client to Ironic: forwarded, or for a merge."""

import re
import time
from urllib import parse
from wsgiref import types as wsgi_types

import webob
from oslo_config import cfg
from oslo_log import log

from ironic_passthru import errors
from ironic_passthru.api.calls import idempotency
from ironic_passthru.api.forwarding import exchange
from ironic_passthru.api.forwarding import merging
from ironic_passthru.api.forwarding import outgoing
from ironic_passthru.api.http import environ_keys
from ironic_passthru.api.http import links
from ironic_passthru.api.http import versions
from ironic_passthru.validation import strict_json

LOG = log.getLogger(__name__)

_VERSION = re.compile(r'1\.([0-9]{1,5})')

# Those with which Ironic calls methods and reads resources.
_HTTP_METHODS = ('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE')

# Limits for resources to merge.
_MAX_DEPTH = 25
_MAX_PAGES = 100


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
        # During an outage each list would wait for the timeout.
        self._merge_again_at: float | None = None

    def forward(self, environ: wsgi_types.WSGIEnvironment) -> webob.Response:
        """Send a request once, and return the response of Ironic.

        :raises: IronicUnavailable, OutcomeUnknown, IronicResponseTooLarge,
            ForwardingLoop, RequestError; InvalidKey for a call with a key.
        """
        http_method = environ['REQUEST_METHOD']
        if http_method not in _HTTP_METHODS:
            raise errors.VerbNotAllowed(
                http_method=http_method, allow=[*_HTTP_METHODS, 'OPTIONS']
            )
        if (
            http_method in idempotency.HTTP_METHODS
            and idempotency.HEADER in webob.Request(environ).headers
        ):
            # The client would repeat the call, which would run twice.
            raise errors.InvalidKey(
                reason='Ironic has this driver, and does not support such '
                'keys; the call was not forwarded'
            )
        request = outgoing.request(environ, self._links)
        answer = self._send(environ, request)
        return outgoing.response(answer, http_method)

    def methods(
        self, environ: wsgi_types.WSGIEnvironment, driver: str
    ) -> exchange.IronicResponse:
        """Return the response to a request for the methods of a driver.

        :raises: as :meth:`forward`.
        """
        headers = outgoing.headers(environ, self._links)
        # The list has no versions.
        _remove_version(headers)
        name = parse.quote(driver, safe='')
        return self._send(
            environ,
            exchange.IronicRequest(
                'GET', f'/v1/drivers/{name}/vendor_passthru/methods', headers
            ),
        )

    def _send(
        self,
        environ: wsgi_types.WSGIEnvironment,
        request: exchange.IronicRequest,
    ) -> exchange.IronicResponse:
        """Send a request once; translate the errors.

        :raises: IronicUnavailable, OutcomeUnknown, IronicResponseTooLarge.
        """
        request_id = environ[environ_keys.REQUEST_ID]
        try:
            answer = self._endpoint.send(
                request, timeout_seconds=self._timeout_seconds
            )
        except exchange.RequestNotSent as error:
            if error.is_outage:
                self._note(str(error))
            else:
                LOG.info('Request %s is not forwarded: %s', request_id, error)
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
        return answer

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
        now = time.monotonic()
        if self._merge_again_at is not None:
            if now < self._merge_again_at:
                return None
            # One request detects the end of an outage.
            self._merge_again_at = now + self._merge_seconds
        try:
            found = self._pages(environ, query, rule)
        except (exchange.ExchangeError, merging.NotMergeable) as error:
            self._merge_again_at = None
            if isinstance(error, merging.NotMergeable) or error.is_outage:
                self._note(str(error))
            else:
                # Others may get a response.
                self._lacks(environ, str(error))
            if isinstance(error, exchange.ExchangeError) and error.is_outage:
                self._merge_again_at = time.monotonic() + self._merge_seconds
            return None
        self._merge_again_at = None
        self._note(None)
        return found

    def _pages(
        self,
        environ: wsgi_types.WSGIEnvironment,
        query: str,
        rule: merging.MergeRule,
    ) -> merging.Resource | None:
        """Return a resource, or all pages of a list; None as :meth:`read`.

        :raises: ExchangeError, NotMergeable, ForwardingLoop, RequestError.
        """
        headers = outgoing.headers(environ, self._links)
        headers['Accept'] = 'application/json'
        end = time.monotonic() + self._merge_seconds
        all_pages: merging.Resource = {}
        for _ in range(_MAX_PAGES):
            target = outgoing.target(environ, query)
            answer = self._get(target, headers, end)
            older = _older(answer, environ[environ_keys.VERSION])
            if older is not None:
                _remove_version(headers)
                headers[versions.HEADER] = older
                answer = self._get(target, headers, end)
            if answer.status >= 500:
                # Not an outage: Ironic has this status also for callers with
                # a token of the wrong scope, who must not affect others.
                self._lacks(environ, f'status {answer.status}')
            page = _resource(answer, rule)
            if page is None:
                return None
            all_pages = rule.append(all_pages, page)
            following = page.get('next') if rule.collection else None
            if not isinstance(following, str):
                return all_pages
            query = parse.urlsplit(following).query
        raise merging.NotMergeable(
            f'the response has more than {_MAX_PAGES} pages'
        )

    def _get(
        self, target: str, headers: dict[str, str], end: float
    ) -> exchange.IronicResponse:
        """Send a request for a resource.

        :param end: value of the monotonic clock at the timeout.
        :raises: ExchangeError.
        """
        # A connection to Ironic always gets some time.
        remaining = max(end - time.monotonic(), self._merge_seconds / 10)
        return self._endpoint.send_unlimited(
            exchange.IronicRequest('GET', target, headers),
            timeout_seconds=remaining,
        )

    @staticmethod
    def _lacks(environ: wsgi_types.WSGIEnvironment, reason: str) -> None:
        LOG.info(
            'The response to request %s lacks resources of Ironic: %s',
            environ[environ_keys.REQUEST_ID],
            reason,
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


def _remove_version(headers: dict[str, str]) -> None:
    for name in outgoing.VERSION_HEADERS:
        headers.pop(name, None)


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
        text = answer.body.decode('utf-8-sig')
        return rule.check(strict_json.loads(text, max_depth=_MAX_DEPTH))
    except ValueError:
        raise merging.NotMergeable('the response is not JSON') from None
