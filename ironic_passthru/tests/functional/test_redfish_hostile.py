# SPDX-License-Identifier: Apache-2.0
"""The redfish driver with malicious BMCs."""

import base64
import copy
import logging
import socket
import threading
import time
import tracemalloc
from typing import Any

import fixtures

from ironic_passthru import errors
from ironic_passthru.drivers.redfish import connector
from ironic_passthru.tests.functional import bmc
from ironic_passthru.tests.functional import hostile
from ironic_passthru.tests.functional import test_redfish

ROOT = '/redfish/v1'
SYSTEMS = f'{ROOT}/Systems'
SYSTEM = f'{SYSTEMS}/1'
MEDIA = f'{SYSTEM}/VirtualMedia'


def documents(**changes: dict[str, object]) -> dict[str, dict[str, Any]]:
    """Return the documents of a BMC, with ``changes``."""
    changed = copy.deepcopy(bmc.DOCUMENTS)
    for name, change in changes.items():
        changed[
            {'root': ROOT, 'systems': SYSTEMS, 'system': SYSTEM}[name]
        ] |= change
    return changed


class BodyTest(test_redfish.RedfishTestCase):
    """Limits of time and memory for responses of a BMC."""

    def item(self, fault: str, **options: object) -> dict[str, Any]:
        wicked = self.useFixture(hostile.HostileBmc({'GET': fault}))
        driver = self.start_with(
            {'node': wicked.entry()},
            **{'read_timeout': 1.0, 'call_timeout': 3.0, **options},
        )
        began = time.monotonic()
        answer = driver.inventory(bmc.CONTEXT)
        self.assertLess(time.monotonic() - began, 15)
        self.assert_discreet(answer)
        return answer['node']

    def test_bodies_that_cannot_be_used(self) -> None:
        for fault in (
            'huge',
            'endless_chunks',
            'bomb',
            'bombs_in_one_another',
            'endless_packed_nothing',
            'cut_short',
            'not_packed',
            'deep',
            'large_number',
        ):
            tracemalloc.start()
            self.addCleanup(tracemalloc.stop)
            error = self.item(fault)['error']
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            self.assertEqual('bad_answer', error['code'], fault)
            self.assertLess(peak, 32 * hostile.MIB, fault)

    def test_a_body_that_was_packed_without_need(self) -> None:
        self.assertEqual('A1', self.item('packed_well')['model'])

    def test_documents_are_bounded_together(self) -> None:
        large = {'Members': [{'@odata.id': f'{MEDIA}/{n}'} for n in range(99)]}
        served = documents() | {MEDIA: large}
        for n in range(99):
            served[f'{MEDIA}/{n}'] = {
                '@odata.id': f'{MEDIA}/{n}',
                'Id': str(n),
                'Name': 'x' * (hostile.MIB * 9 // 10),
            }
        wicked = self.useFixture(hostile.HostileBmc(documents=served))
        driver = self.start_with({'node': wicked.entry()})
        answer = driver.eject_vmedia(bmc.CONTEXT, target='node')
        self.assertEqual('bad_answer', answer['node']['error']['code'])
        most = connector.MAX_CALL_BYTES // (hostile.MIB * 9 // 10) + 1
        media = [r for r in wicked.received if r.path.startswith(f'{MEDIA}/')]
        self.assertEqual(most, len(media))

    def test_texts_are_printable_and_short(self) -> None:
        served = documents(
            system={
                'Manufacturer': 'Ac\x1b[2Jme\r\n\u202e\ud800',
                'Model': 'A' * 100_000,
                'SerialNumber': {'a': 'b'},
                'PowerState': 'x' * 1000,
            }
        )
        served[f'{MEDIA}/Cd']['Id'] = 'Cd\x07' + 'd' * 1000
        wicked = self.useFixture(hostile.HostileBmc(documents=served))
        driver = self.start_with({'node': wicked.entry()})
        item = driver.inventory(bmc.CONTEXT)['node']
        self.assertEqual('Ac[2Jme', item['manufacturer'])
        self.assertEqual('A' * 255, item['model'])
        self.assertIsNone(item['serial_number'])
        self.assertLessEqual(len(item['power_state'] or ''), 255)
        (name,) = driver.eject_vmedia(bmc.CONTEXT, target='node')['node'][
            'ejected'
        ]
        self.assertEqual('Cd' + 'd' * 252, name)


class TimeTest(test_redfish.RedfishTestCase):
    """A slow BMC does not slow down other BMCs."""

    def test_threads_are_free_after_the_call(self) -> None:
        hostiles = {
            fault: self.useFixture(hostile.HostileBmc({'GET': fault}))
            for fault in ('drip_header', 'drip_chunks', 'continues')
        }
        good = self.useFixture(bmc.FaultyBmc())
        names = [f'good{number}' for number in range(len(hostiles))]
        driver = self.start_with(
            {name: each.entry() for name, each in hostiles.items()}
            | dict.fromkeys(names, good.entry()),
            concurrency=len(hostiles),
            call_timeout=5.0,
            read_timeout=4.5,
        )
        answer = driver.inventory(bmc.CONTEXT, targets=list(hostiles))
        for fault in hostiles:
            self.assertEqual('timeout', answer[fault]['error']['code'])
        # One thread for each of them.
        answer = driver.inventory(bmc.CONTEXT, targets=names)
        for name in names:
            self.assertEqual('A1', answer[name].get('model'))
        for fault, each in hostiles.items():
            self.assertTrue(each.cut.wait(30), fault)

    def test_a_handshake_that_drips(self) -> None:
        with socket.create_server(('127.0.0.1', 0)) as listener:
            over = threading.Event()
            self.addCleanup(over.set)

            def serve() -> None:
                link, _ = listener.accept()
                # The header of a TLS 1.2 handshake record of 16 KiB.
                link.sendall(b'\x16\x03\x03\x40\x00')
                with link:
                    while not over.wait(0.05):
                        try:
                            link.sendall(b'\x02')
                        except OSError:
                            return

            threading.Thread(target=serve, daemon=True).start()
            driver = self.start_with(
                {
                    'node': {
                        'address': f'127.0.0.1:{listener.getsockname()[1]}',
                        'username': bmc.USERNAME,
                        'password': bmc.PASSWORD,
                    }
                },
                connect_timeout=0.5,
                call_timeout=20.0,
            )
            began = time.monotonic()
            answer = driver.inventory(bmc.CONTEXT)
            self.assertLess(time.monotonic() - began, 15)
            self.assertFalse(answer['node']['reachable'])


class PlaceTest(test_redfish.RedfishTestCase):
    """The password is sent only to the address in the inventory."""

    def setUp(self) -> None:
        super().setUp()
        self.trap = self.useFixture(hostile.Trap())

    def test_redirects(self) -> None:
        for place in (
            f'http://{self.trap.address}/redfish/v1',
            f'https://{self.trap.address}/redfish/v1',
            f'//{self.trap.address}/redfish/v1',
        ):
            for http_method in ('GET', 'POST', 'PATCH'):
                wicked = hostile.HostileBmc({http_method: 'moved'})
                wicked.elsewhere = place
                self.useFixture(wicked)
                driver = self.start_with({'node': wicked.entry()})
                if http_method == 'POST':
                    answer = driver.eject_vmedia(bmc.CONTEXT, target='node')
                else:
                    answer = driver.indicator_led(
                        bmc.CONTEXT, target='node', state='Lit'
                    )
                self.assertEqual('redirected', answer['node']['error']['code'])
                self.assertEqual(1, wicked.count()[http_method])
                self.assert_discreet(answer)
        self.assertEqual([], self.trap.visits)

    def test_links(self) -> None:
        """Addresses in documents, in all spellings."""
        for number, place in enumerate(self.places()):
            link = {'@odata.id': place}
            action = {'#VirtualMedia.EjectMedia': {'target': place}}
            eject = documents()
            eject[f'{MEDIA}/Cd']['Actions'] = action
            for served in (
                documents(root={'Systems': link}),
                documents(systems={'Members': [link]}),
                documents(
                    systems={'Members': [], 'Members@odata.nextLink': place}
                ),
                documents(system={'VirtualMedia': link}),
                documents(
                    system={
                        'VirtualMedia': None,
                        'Links': {'ManagedBy': [link]},
                    }
                ),
                eject,
            ):
                wicked = self.useFixture(hostile.HostileBmc(documents=served))
                driver = self.start_with({'node': wicked.entry()})
                item = driver.eject_vmedia(bmc.CONTEXT, target='node')['node']
                self.assertNotIn('outcome_unknown', str(item))
                self.assertEqual([], self.trap.visits, (number, place))

    def places(self) -> list[str]:
        trap = self.trap.address
        port = trap.partition(':')[2]
        return [
            f'http://{trap}/redfish/v1/Systems',
            f'https://{trap}/redfish/v1/Systems',
            f'//{trap}/redfish/v1/Systems',
            f'http://u:p@{trap}/',
            f'http:\\\\{trap}/',
            f'/\\{trap}/',
            f'////{trap}/',
            f'\thttp://{trap}/',
            f'http://127.0.0.1\\@{trap}/',
            f'http://127.0.0.1#@{trap}/',
            f'http://localhost:{port}/',
            f'@{trap}/',
        ]

    def test_links_with_an_ending_are_resolved_here(self) -> None:
        for name in ('root', 'systems'):
            key = 'Systems' if name == 'root' else 'Members'
            wicked = self.useFixture(hostile.HostileBmc())
            path = SYSTEMS if name == 'root' else SYSTEM
            link: Any = {'@odata.id': f'{wicked.url}{path}'}
            wicked.documents = documents(
                **{name: {key: link if name == 'root' else [link]}}
            )
            driver = self.start_with({'node': wicked.entry()})
            self.assertEqual(
                'A1', driver.inventory(bmc.CONTEXT)['node']['model']
            )

    def test_callers_cannot_name_a_place(self) -> None:
        good = self.useFixture(bmc.FaultyBmc())
        driver = self.start_with({'node': good.entry()})
        trap = self.trap.address
        for place in (f'http://{trap}', trap, f'node@{trap}', f'//{trap}'):
            for selector in (
                {'target': place},
                {'targets': ['node', place]},
                {'tag': place},
            ):
                for method in ('inventory', 'indicator_led', 'eject_vmedia'):
                    self.assertRaises(
                        errors.InvalidParameterValue,
                        driver.driver_validate,
                        method,
                        **selector,
                    )
                self.assertRaises(
                    errors.InvalidParameterValue,
                    driver.eject_vmedia,
                    None,
                    **selector,
                )
        self.assertEqual([], self.trap.visits)
        self.assertEqual([], good.received)

    def test_proxies_of_the_environment_are_not_used(self) -> None:
        for name in ('http_proxy', 'https_proxy', 'all_proxy'):
            for spelled in (name, name.upper()):
                self.useFixture(
                    fixtures.EnvironmentVariable(
                        spelled, f'http://{self.trap.address}'
                    )
                )
        good = self.useFixture(bmc.FaultyBmc())
        driver = self.start_with({'node': good.entry()})
        self.assertEqual('A1', driver.inventory(bmc.CONTEXT)['node']['model'])
        self.assertEqual([], self.trap.visits)


class CertificateTest(test_redfish.RedfishTestCase):
    """A server without a valid certificate gets no password."""

    def test_certificates(self) -> None:
        emulator = self.useFixture(bmc.SushyEmulator(('alpha',), tls=True))
        good = emulator.entry('alpha')
        here = emulator.url.removeprefix('https://')
        port = here.partition(':')[2]
        other = self.useFixture(bmc.SushyEmulator(('alpha',), tls=True))
        answer = self.start_with(
            {
                'without-scheme': good | {'address': here},
                'other-name': good | {'address': f'https://localhost:{port}'},
                'other-ca': good | {'ca': str(other.ca)},
                'plain': {
                    name: value for name, value in good.items() if name != 'ca'
                }
                | {'address': f'http://{here}'},
            }
        ).inventory(bmc.CONTEXT)
        self.assertEqual('Off', answer['without-scheme']['power_state'])
        for name in ('other-name', 'other-ca'):
            self.assertEqual('untrusted', answer[name]['error']['code'])
        # Without a downgrade to plain HTTP.
        self.assertIn('error', answer['plain'])
        self.assert_discreet(answer)

    def test_no_plain_text_to_a_server_without_tls(self) -> None:
        trap = self.useFixture(hostile.Trap())
        login = {'username': bmc.USERNAME, 'password': bmc.PASSWORD}
        for more in ({}, {'verify': False}):
            driver = self.start_with(
                {'node': {'address': trap.address, **login, **more}}
            )
            self.assertIn('error', driver.inventory(bmc.CONTEXT)['node'])
        self.assertEqual(2, len(trap.visits))
        for first in trap.visits:
            # A ClientHello without readable secrets.
            self.assertEqual(b'\x16\x03', first[:2])
            self.assertNotIn(b'Authorization', first)


class LogTest(test_redfish.RedfishTestCase):
    """Debug logs of a conductor contain no password."""

    def test_a_bmc_that_repeats_requests(self) -> None:
        log = self.useFixture(fixtures.FakeLogger(level=logging.DEBUG))
        pair = base64.b64encode(f'{bmc.USERNAME}:{bmc.PASSWORD}'.encode())
        for http_method in ('GET', 'PATCH', 'POST'):
            wicked = self.useFixture(hostile.HostileBmc({http_method: 'echo'}))
            driver = self.start_with({'node': wicked.entry()})
            for act in (
                lambda driver=driver: driver.indicator_led(
                    None, target='node', state='Lit'
                ),
                lambda driver=driver: driver.eject_vmedia(
                    bmc.CONTEXT, tag=None
                ),
            ):
                self.assertNotIn(bmc.PASSWORD, str(act()))
        self.assertIn('Authorization: Basic ***', log.output)
        self.assertNotIn(pair.decode(), log.output)
        self.assertNotIn(bmc.PASSWORD, log.output)

    def test_a_failure_of_each_kind(self) -> None:
        log = self.useFixture(fixtures.FakeLogger(level=logging.DEBUG))
        pair = base64.b64encode(f'{bmc.USERNAME}:{bmc.PASSWORD}'.encode())
        for fault in ('close', 'garbage', 'moved', '401', '500', 'deep'):
            wicked = self.useFixture(hostile.HostileBmc({'GET': fault}))
            driver = self.start_with({'node': wicked.entry()})
            driver.inventory(bmc.CONTEXT)
        self.assertIn('Traceback', log.output)
        self.assertNotIn(pair.decode(), log.output)
        self.assertNotIn(bmc.PASSWORD, log.output)
