# SPDX-License-Identifier: Apache-2.0
"""Reading of nodes through the API of Ironic."""

from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from keystoneauth1 import adapter
from keystoneauth1 import exceptions
from keystoneauth1 import loading
from oslo_config import cfg

from ironic_passthru import errors
from ironic_passthru.conf import redfish_ironic
from ironic_passthru.drivers import instance_config

_FIELDS = 'uuid,name,driver_info,traits,conductor_group,resource_class,owner'
# The first one with all fields (owner); Ironic 12.1.
_HEADERS = {
    'Accept': 'application/json',
    'X-OpenStack-Ironic-API-Version': '1.50',
}
# The default limit of Ironic; it returns fewer if its own is lower.
_PAGE_NODES = 1000


class InvalidNodes(Exception):
    """A response of Ironic is not a list of nodes; ``str()`` is why."""


class NodeReader:
    """Read the nodes of the Ironic in ``[redfish_ironic]``.

    :raises: ConfigError if an option is missing or invalid.
    """

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        group = redfish_ironic.GROUP.name
        shown = instance_config.group_name(conf, group)
        redfish_ironic.register_opts(conf)
        if not conf.redfish_ironic.auth_type:
            driver = instance_config.group_name(conf, 'redfish')
            raise errors.ConfigError(
                f'[{shown}] auth_type is required for [{driver}] inventory = '
                'ironic, such as password, or none for an Ironic without '
                'logins'
            )
        try:
            login = loading.load_auth_from_conf_options(conf, group)
            session = loading.load_session_from_conf_options(
                conf, group, auth=login
            )
            self._adapter: adapter.Adapter = (
                loading.load_adapter_from_conf_options(
                    conf, group, session=session
                )
            )
        except (exceptions.ClientException, cfg.Error) as error:
            text = ' '.join(str(error).split())
            raise errors.ConfigError(f'[{shown}]: {text}') from None

    def nodes(self, driver: str) -> Iterator[Mapping[str, Any]]:
        """Yield the nodes of a hardware type, page by page.

        :raises: InvalidNodes or ClientException of keystoneauth.
        """
        url = f'{self._root()}/v1/nodes'
        query = {'driver': driver, 'fields': _FIELDS, 'limit': _PAGE_NODES}
        markers: set[str] = set()
        while True:
            page, is_last = self._page(url, query)
            yield from page
            if is_last:
                return
            # The link to the next page may lead to another host, which must
            # not receive the token.
            marker = str(page[-1]['uuid'])
            if marker in markers:
                raise InvalidNodes('the pages of nodes never end')
            markers.add(marker)
            query['marker'] = marker

    def _root(self) -> str:
        endpoint = self._adapter.get_endpoint()
        if not endpoint:
            raise InvalidNodes(
                'the catalog of the Identity service contains no endpoint for '
                'it'
            )
        return str(endpoint).rstrip('/').removesuffix('/v1')

    def _page(
        self, url: str, query: dict[str, Any]
    ) -> tuple[list[Mapping[str, Any]], bool]:
        """Return the nodes of a page, and whether it is the last one."""
        response = self._adapter.get(
            url, params=query, headers=_HEADERS, redirect=False
        )
        try:
            body = response.json()
        except ValueError:
            body = None
        nodes = body.get('nodes') if isinstance(body, dict) else None
        if not isinstance(nodes, list) or not all(
            isinstance(node, dict) and 'uuid' in node for node in nodes
        ):
            raise InvalidNodes(
                f'the response (status {response.status_code}) is not a list '
                'of nodes'
            )
        return nodes, not nodes or not body.get('next')
