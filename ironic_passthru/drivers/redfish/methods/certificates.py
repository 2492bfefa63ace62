# SPDX-License-Identifier: Apache-2.0
"""Method that reads the HTTPS certificates of BMCs."""

import datetime
import math
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any
from typing import Literal
from typing import Unpack

from typing_extensions import TypedDict

from ironic_passthru import context as request_context
from ironic_passthru.drivers import base
from ironic_passthru.drivers.redfish import bmc
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.drivers.redfish import partial_reader
from ironic_passthru.drivers.redfish import resource
from ironic_passthru.drivers.redfish.methods import fleet
from ironic_passthru.fleet import results
from ironic_passthru.fleet import selection

#: Maximum number of requests for one target.
MAX_REQUESTS = 50

# Members of the objects Subject and Issuer (Certificate 1.0), and the names
# of ssl, with their abbreviations.
_NAMES = (
    ('CommonName', 'commonName', 'CN'),
    ('OrganizationalUnit', 'organizationalUnitName', 'OU'),
    ('Organization', 'organizationName', 'O'),
    ('City', 'localityName', 'L'),
    ('State', 'stateOrProvinceName', 'ST'),
    ('Country', 'countryName', 'C'),
)

_HTTPS = '/networkprotocol/https/'
_DAY = datetime.timedelta(days=1)


class HttpsCertificate(TypedDict):
    """A certificate of the BMC."""

    id: str | None
    """Id of the resource; null for the certificate of the connection."""
    subject: str | None
    """Such as ``CN=bmc.example.com, O=Example``."""
    issuer: str | None
    valid_not_before: str | None
    """ISO 8601."""
    valid_not_after: str | None
    """ISO 8601."""
    days_left: int | None
    """Full days; negative for an expired certificate."""


class CertificatesItem(results.PartialItem):
    """The HTTPS certificates of a BMC."""

    source: Literal['redfish', 'tls']
    """``tls`` for the certificate of the connection."""
    certificates: list[HttpsCertificate]


class CertificateMethods(fleet.FleetMethods):
    """The method ``certificates``."""

    @base.driver_passthru(['GET'], async_call=False, target=selection.NAMES)
    def certificates(
        self,
        context: request_context.RequestContext,
        **options: Unpack[selection.FleetOptions],
    ) -> results.FleetResult[CertificatesItem]:
        """Return the HTTPS certificates of BMCs, and their days left.

        Items have ``source``, ``certificates`` and ``warnings``. The source
        ``tls`` means the certificate of the connection: the BMC does not
        report certificates by Redfish.
        """
        return self._each(context, options, read)


def read(machine: bmc.Bmc) -> failures.Item:
    """Return the item with the certificates of a BMC.

    After a rejected login, it has both the error and the certificate of the
    connection.

    :raises: LoginRequired without such a certificate; NotSupported if the
        BMC does not report them and the driver does not verify its
        certificate.
    """
    reader = partial_reader.PartialReader(
        machine.client, max_requests=MAX_REQUESTS
    )
    found = list(_of_managers(machine, reader))
    found = found or list(_of_service(machine, reader))
    source, shown = 'redfish', [_shown(each) for each in found]
    item: failures.Item = {'reachable': True}
    if not shown:
        presented = machine.client.peer_certificate
        # The certificate of the connection does not need a login.
        if isinstance(reader.error, failures.LoginRequired):
            if not presented:
                raise reader.error
            item = failures.classify(reader.error).item()
        if not presented:
            raise failures.NotSupported()
        source, shown = 'tls', [_presented(presented)]
    return {
        **item,
        'source': source,
        'certificates': shown,
        'warnings': reader.warnings,
    }


def _of_managers(
    machine: bmc.Bmc, reader: partial_reader.PartialReader
) -> Iterator[resource.Resource]:
    """Yield certificates (ManagerNetworkProtocol 1.4, 2018)."""
    for manager in reader.owners(machine.manager_paths, 'Managers'):
        protocol = reader.follow(manager, 'NetworkProtocol')
        yield from reader.members(protocol, 'HTTPS', 'Certificates')


def _of_service(
    machine: bmc.Bmc, reader: partial_reader.PartialReader
) -> Iterator[resource.Resource]:
    """Yield certificates of HTTPS (CertificateService 1.0, 2018)."""
    service = reader.follow(machine.client.root(), 'CertificateService')
    locations = reader.follow(service, 'CertificateLocations')
    if locations is not None:
        paths = locations.links('Links', 'Certificates')
        yield from reader.get_all(p for p in paths if _HTTPS in p.lower())


def _shown(found: resource.Resource) -> failures.Item:
    subject, issuer = (
        _name((short, found.text(part, name)) for name, _, short in _NAMES)
        for part in ('Subject', 'Issuer')
    )
    begin, end = found.text('ValidNotBefore'), found.text('ValidNotAfter')
    return {'id': found.identity, **_fields(subject, issuer, begin, end)}


def _presented(found: Mapping[str, Any]) -> failures.Item:
    """Return a certificate as :meth:`ssl.SSLSocket.getpeercert` does."""
    subject, issuer = (
        dict(pair for group in found.get(part, ()) for pair in group)
        for part in ('subject', 'issuer')
    )
    names = [
        _name(
            (short, resource.printable(pairs.get(name)))
            for _, name, short in _NAMES
        )
        for pairs in (subject, issuer)
    ]
    begin, end = found.get('notBefore'), found.get('notAfter')
    return {'id': None, **_fields(names[0], names[1], begin, end)}


def _name(parts: Iterable[tuple[str, str | None]]) -> str | None:
    """Return a name such as ``CN=bmc.example.com, O=Example``."""
    return ', '.join(f'{k}={v}' for k, v in parts if v) or None


def _fields(
    subject: str | None,
    issuer: str | None,
    not_before: str | None,
    not_after: str | None,
) -> failures.Item:
    begin, end = resource.time(not_before), resource.time(not_after)
    left = None
    if end is not None:
        left = math.floor((end - datetime.datetime.now(datetime.UTC)) / _DAY)
    return {
        'subject': subject,
        'issuer': issuer,
        'valid_not_before': None if begin is None else begin.isoformat(),
        'valid_not_after': None if end is None else end.isoformat(),
        'days_left': left,
    }
