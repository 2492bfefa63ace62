# SPDX-License-Identifier: Apache-2.0
"""The method ``certificates``."""

import datetime
from typing import Any

from ironic_passthru.drivers.redfish.methods import certificates
from ironic_passthru.testing import bmc as testing_bmc
from ironic_passthru.tests.unit.drivers.redfish import simulated

ROOT = testing_bmc.ROOT
MANAGER = f'{ROOT}/Managers/1'
PROTOCOL = f'{MANAGER}/NetworkProtocol'
COLLECTION = f'{PROTOCOL}/HTTPS/Certificates'
SERVICE = f'{ROOT}/CertificateService'


class CertificatesTest(simulated.SimulatedBmcTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.fake = self.simulate()
        self.resources = self.fake.resources
        self.resources[testing_bmc.SYSTEM]['Links'] = {
            'ManagedBy': [{'@odata.id': MANAGER}]
        }
        self.resources |= {
            MANAGER: {'NetworkProtocol': {'@odata.id': PROTOCOL}},
            PROTOCOL: {'HTTPS': {'Certificates': {'@odata.id': COLLECTION}}},
            COLLECTION: {'Members': [{'@odata.id': f'{COLLECTION}/1'}]},
            f'{COLLECTION}/1': {
                'Id': '1',
                'Subject': {'CommonName': 'bmc', 'Organization': 'Acme'},
                'Issuer': {'CommonName': 'CA', 'Country': None},
                'ValidNotBefore': '2020-01-01T00:00:00Z',
                'ValidNotAfter': '2020-01-02T01:00:00+01:00',
            },
        }

    def read(self) -> dict[str, Any]:
        return certificates.read(self.bmc(self.fake))

    def test_of_managers(self) -> None:
        item = self.read()
        self.assertLess(item['certificates'][0].pop('days_left'), -1000)
        self.assertEqual(
            {
                'reachable': True,
                'source': 'redfish',
                'certificates': [
                    {
                        'id': '1',
                        'subject': 'CN=bmc, O=Acme',
                        'issuer': 'CN=CA',
                        'valid_not_before': '2020-01-01T00:00:00+00:00',
                        'valid_not_after': '2020-01-02T00:00:00+00:00',
                    }
                ],
                'warnings': [],
            },
            item,
        )

    def test_times(self) -> None:
        now = datetime.datetime.now(datetime.UTC)
        later = now + datetime.timedelta(days=30, minutes=5)
        for text, days in (
            (f'{later:%Y-%m-%dT%H:%M:%SZ}', 30),
            (f'{later:%Y-%m-%dT%H:%M:%S}+00:00', 30),
            (f'{later:%Y-%m-%dT%H:%M:%S}', 30),
            (f'{later:%b %d %H:%M:%S %Y GMT}', 30),
            ('9999-12-31T23:59:59-12:00', None),
            ('soon', None),
            (['2020'], None),
            (None, None),
        ):
            self.resources[f'{COLLECTION}/1']['ValidNotAfter'] = text
            (found,) = self.read()['certificates']
            self.assertEqual(days, found['days_left'], text)

    def test_of_the_service(self) -> None:
        del self.resources[PROTOCOL]
        locations = f'{SERVICE}/CertificateLocations'
        self.resources[ROOT]['CertificateService'] = {'@odata.id': SERVICE}
        self.resources[SERVICE] = {
            'CertificateLocations': {'@odata.id': locations}
        }
        other = '/redfish/v1/AccountService/LDAP/Certificates/1'
        self.resources[other] = {'Id': 'ldap'}
        self.resources[locations] = {
            'Links': {
                'Certificates': [
                    {'@odata.id': path} for path in (other, f'{COLLECTION}/1')
                ]
            }
        }
        item = self.read()
        self.assertEqual(['1'], [each['id'] for each in item['certificates']])
        self.assertEqual(
            [{'path': PROTOCOL, 'code': 'not_found'}], item['warnings']
        )

    def test_of_the_connection(self) -> None:
        fake = self.simulate(tls=True)
        item = certificates.read(self.bmc(fake))
        self.assertEqual('tls', item['source'])
        (found,) = item['certificates']
        self.assertEqual('CN=127.0.0.1', found['subject'])
        self.assertEqual('CN=CA of simulated BMCs', found['issuer'])
        self.assertEqual(0, found['days_left'])

    def test_unverified_connections(self) -> None:
        plain = self.simulate()
        encrypted = self.simulate(tls=True)
        for fake, verify in ((plain, True), (encrypted, False)):
            machine = self.bmc(fake, verify=verify)
            self.assertEqual(
                'not_supported', self.code(certificates.read, machine)
            )

    def test_wrong_passwords(self) -> None:
        plain = self.bmc(self.simulate(), password='wrong')
        self.assertEqual('access_denied', self.code(certificates.read, plain))
        encrypted = self.bmc(self.simulate(tls=True), password='wrong')
        item = certificates.read(encrypted)
        self.assertEqual('access_denied', item['error']['code'])
        self.assertEqual('tls', item['source'])
        (found,) = item['certificates']
        self.assertEqual('CN=127.0.0.1', found['subject'])
