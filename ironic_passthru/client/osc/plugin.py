# SPDX-License-Identifier: Apache-2.0
"""Entry point of OpenStackClient: options and client of its commands.

Every ``openstack`` command imports this module.
"""

import argparse
import re
from typing import Any

from osc_lib import exceptions
from osc_lib import utils

from ironic_passthru import client
from ironic_passthru.client import client as passthru_client

API_NAME = 'passthru'
API_VERSION_OPTION = 'os_passthru_api_version'
#: The latest version of the service.
DEFAULT_API_VERSION = '1'
API_VERSIONS = (DEFAULT_API_VERSION,)

_VERSION = re.compile(r'1(\.\d{1,4})?')


def check_api_version(version: str) -> bool:
    """Return true: the version is valid.

    :raises: CommandError.
    """
    if not _VERSION.fullmatch(version):
        raise exceptions.CommandError(
            f'--os-passthru-api-version must be 1 (the latest) or 1.N, not '
            f'{version!r}'
        )
    return True


def make_client(instance: Any) -> client.Client:
    """Return the client of a command.

    :param instance: the client manager of osc-lib, with the login.
    """
    config = instance._cli_options.config
    service_type = config.get('passthru_service_type')
    service_type = service_type or passthru_client.SERVICE_TYPE
    version = instance._api_version[API_NAME]
    override = config.get('passthru_endpoint_override')
    endpoint = override or instance.get_endpoint_for_service_type(
        service_type,
        region_name=instance.region_name,
        interface=instance.interface,
    )
    return client.Client(
        instance.session,
        service_type=service_type,
        api_version='latest' if version == DEFAULT_API_VERSION else version,
        endpoint_override=endpoint,
        # People wait for the command.
        retries=2,
        region_name=instance.region_name,
        interface=instance.interface,
    )


def build_option_parser(
    parser: argparse.ArgumentParser,
) -> argparse.ArgumentParser:
    """Add global options."""
    for name, metavar, help_text in (
        (
            'api-version',
            '<version>',
            'Version of the vendor passthru API, 1.N; by default the latest',
        ),
        (
            'service-type',
            '<type>',
            'Type of the vendor passthru service in the service catalog; '
            'by default baremetal',
        ),
        (
            'endpoint-override',
            '<url>',
            'URL of the vendor passthru service, instead of the service '
            'catalog',
        ),
    ):
        variable = f'OS_PASSTHRU_{name.upper().replace("-", "_")}'
        parser.add_argument(
            f'--os-passthru-{name}',
            metavar=metavar,
            default=utils.env(variable) or None,
            help=f'{help_text} (Env: {variable})',
        )
    return parser
