# SPDX-License-Identifier: Apache-2.0
"""The redfish driver with malicious BMCs."""

import base64
import copy
import gzip
import logging
import socket
import threading
import time
import tracemalloc
import zlib
from typing import Any

import fixtures

from ironic_passthru import errors
from ironic_passthru.drivers.redfish import connection
from ironic_passthru.testing import bmc
from ironic_passthru.tests.functional import emulator
from ironic_passthru.tests.functional import test_redfish
from ironic_passthru.tests.functional import traps

CONTEXT = test_redfish.CONTEXT
PASSWORD = test_redfish.PASSWORD

MIB = 1024 * 1024

# Created once: the test measures the memory of the client.
_BOMB = gzip.compress(b' ' * 64 * MIB)
_GZIP = {'Content-Encoding': 'gzip'}
_CHUNKED = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'

# An empty block of zlib: the input grows, the output does not.
_PACKER = zlib.compressobj()
_NOTHING = _PACKER.compress(b'') + _PACKER.flush(zlib.Z_FULL_FLUSH)

_LARGE = {
    'huge': bmc.faults.raw(
        b'HTTP/1.1 200 OK\r\n\r\n', b' ' * MIB, pause_seconds=0
    ),
    'endless chunks': bmc.faults.raw(
        _CHUNKED, b'10000\r\n' + b' ' * 65536 + b'\r\n', pause_seconds=0
    ),
    'bomb': bmc.faults.body(_BOMB, _GZIP),
    'bombs in one another': bmc.faults.body(
        gzip.compress(_BOMB), {'Content-Encoding': 'gzip, gzip'}
    ),
    'endless compressed nothing': bmc.faults.raw(
        b'HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\n\r\n' + _NOTHING,
        b'\x00\x00\x00\xff\xff' * 4096,
        pause_seconds=0,
    ),
    'cut short': bmc.faults.body(
        gzip.compress(b'{"Id": "R"}' * 100)[:-20], _GZIP
    ),
    'not compressed': bmc.faults.body(b'{"Id": "R"}', _GZIP),
    'deep': bmc.faults.body(
        b'{"Systems": ' + b'[' * 400_000 + b']' * 400_000 + b'}'
    ),
    'large number': bmc.faults.body(b'{"Systems": ' + b'9' * 500_000 + b'}'),
}

_ENDLESS = {
    'header': bmc.faults.raw(b'HTTP/1.1 200 OK\r\nX-A: ', b'a'),
    'chunks': bmc.faults.raw(_CHUNKED + b'1;', b'x'),
    # More than 200 of them would end the response earlier.
    'continue': bmc.faults.raw(b'', b'HTTP/1.1 100 Continue\r\n\r\n'),
}


def documents(**changes: dict[str, object]) -> dict[str, dict[str, Any]]:
    """Return the documents of a BMC, with ``changes``."""
    changed = copy.deepcopy(bmc.RESOURCES)
    paths = {'root': bmc.ROOT, 'systems': bmc.SYSTEMS, 'system': bmc.SYSTEM}
    for name, change in changes.items():
        changed[paths[name]] |= change
    return changed


class BodyTest(test_redfish.RedfishTestCase):
    """Limits of time and memory for responses of a BMC."""

    def item(self, fault: bmc.faults.Fault) -> dict[str, Any]:
        wicked = self.simulate(GET=fault)
        driver = self.start_with(
            {'node': self.entry(wicked)}, read_timeout=1.0, call_timeout=3.0
        )
        began = time.monotonic()
        answer = driver.inventory(CONTEXT)
        self.assertLess(time.monotonic() - began, 15)
        self.assert_discreet(answer)
        return answer['node']

    def test_bodies_that_cannot_be_used(self) -> None:
        for name, fault in _LARGE.items():
            tracemalloc.start()
            self.addCleanup(tracemalloc.stop)
            error = self.item(fault)['error']
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            self.assertEqual('bad_answer', error['code'], name)
            self.assertLess(peak, 32 * MIB, name)

    def test_a_body_that_was_packed_without_need(self) -> None:
        content = gzip.compress(b'{"Model": "A1"}')
        wicked = self.simulate()
        key = f'GET {bmc.SYSTEM}'
        wicked.faults[key] = bmc.faults.body(content, _GZIP)
        driver = self.start_with({'node': self.entry(wicked)})
        answer = driver.inventory(CONTEXT)
        self.assertEqual('A1', answer['node']['model'])

    def test_documents_are_bounded_together(self) -> None:
        large = {
            'Members': [{'@odata.id': f'{bmc.MEDIA}/{n}'} for n in range(99)]
        }
        served = documents() | {bmc.MEDIA: large}
        for n in range(99):
            served[f'{bmc.MEDIA}/{n}'] = {
                '@odata.id': f'{bmc.MEDIA}/{n}',
                'Id': str(n),
                'Name': 'x' * (MIB * 9 // 10),
            }
        wicked = self.simulate(served)
        driver = self.start_with({'node': self.entry(wicked)})
        answer = driver.eject_vmedia(CONTEXT, target='node')
        self.assertEqual('bad_answer', answer['node']['error']['code'])
        most = connection.MAX_CALL_BYTES // (MIB * 9 // 10) + 1
        media = [
            r for r in wicked.received if r.path.startswith(f'{bmc.MEDIA}/')
        ]
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
        served[f'{bmc.MEDIA}/Cd']['Id'] = 'Cd\x07' + 'd' * 1000
        wicked = self.simulate(served)
        driver = self.start_with({'node': self.entry(wicked)})
        item = driver.inventory(CONTEXT)['node']
        self.assertEqual('Ac[2Jme', item['manufacturer'])
        self.assertEqual('A' * 255, item['model'])
        self.assertIsNone(item['serial_number'])
        self.assertLessEqual(len(item['power_state'] or ''), 255)
        (name,) = driver.eject_vmedia(CONTEXT, target='node')['node'][
            'ejected'
        ]
        self.assertEqual('Cd' + 'd' * 252, name)


class TimeTest(test_redfish.RedfishTestCase):
    """A slow BMC does not slow down other BMCs."""

    def test_threads_are_free_after_the_call(self) -> None:
        hostiles = {
            name: self.simulate(GET=fault) for name, fault in _ENDLESS.items()
        }
        good = self.simulate()
        names = [f'good{number}' for number in range(len(hostiles))]
        driver = self.start_with(
            {name: self.entry(each) for name, each in hostiles.items()}
            | dict.fromkeys(names, self.entry(good)),
            concurrency=len(hostiles),
            call_timeout=5.0,
            read_timeout=4.5,
        )
        answer = driver.inventory(CONTEXT, targets=list(hostiles))
        for fault in hostiles:
            self.assertEqual('timeout', answer[fault]['error']['code'])
        # One thread for each of them.
        answer = driver.inventory(CONTEXT, targets=names)
        for name in names:
            self.assertEqual('A1', answer[name].get('model'))
        for fault, each in hostiles.items():
            self.wait_for(
                lambda each=each: not each.open_connections,
                f'end of the connection: {fault}',
            )

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
                        'username': 'admin',
                        'password': PASSWORD,
                    }
                },
                connect_timeout=0.5,
                call_timeout=20.0,
            )
            began = time.monotonic()
            answer = driver.inventory(CONTEXT)
            self.assertLess(time.monotonic() - began, 15)
            self.assertFalse(answer['node']['reachable'])


class PlaceTest(test_redfish.RedfishTestCase):
    """The password is sent only to the address in the inventory."""

    def setUp(self) -> None:
        super().setUp()
        self.trap = self.useFixture(traps.Trap())

    def test_redirects(self) -> None:
        for place in (
            f'http://{self.trap.address}/redfish/v1',
            f'https://{self.trap.address}/redfish/v1',
            f'//{self.trap.address}/redfish/v1',
        ):
            for http_method in ('GET', 'POST', 'PATCH'):
                wicked = self.simulate(
                    **{http_method: bmc.faults.redirect(place)}
                )
                driver = self.start_with({'node': self.entry(wicked)})
                if http_method == 'POST':
                    answer = driver.eject_vmedia(CONTEXT, target='node')
                else:
                    answer = driver.indicator_led(
                        CONTEXT, target='node', state='Lit'
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
            eject[f'{bmc.MEDIA}/Cd']['Actions'] = action
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
                wicked = self.simulate(served)
                driver = self.start_with({'node': self.entry(wicked)})
                item = driver.eject_vmedia(CONTEXT, target='node')['node']
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
            wicked = self.simulate()
            path = bmc.SYSTEMS if name == 'root' else bmc.SYSTEM
            link: Any = {'@odata.id': f'{wicked.url}{path}'}
            wicked.resources = documents(
                **{name: {key: link if name == 'root' else [link]}}
            )
            driver = self.start_with({'node': self.entry(wicked)})
            self.assertEqual('A1', driver.inventory(CONTEXT)['node']['model'])

    def test_callers_cannot_name_a_place(self) -> None:
        good = self.simulate()
        driver = self.start_with({'node': self.entry(good)})
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
        good = self.simulate()
        driver = self.start_with({'node': self.entry(good)})
        self.assertEqual('A1', driver.inventory(CONTEXT)['node']['model'])
        self.assertEqual([], self.trap.visits)


class CertificateTest(test_redfish.RedfishTestCase):
    """A server without a valid certificate gets no password."""

    def test_certificates(self) -> None:
        server = self.useFixture(emulator.SushyEmulator(('alpha',), tls=True))
        good = server.entry('alpha')
        here = server.url.removeprefix('https://')
        port = here.partition(':')[2]
        other = self.useFixture(emulator.SushyEmulator(('alpha',), tls=True))
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
        ).inventory(CONTEXT)
        self.assertEqual('Off', answer['without-scheme']['power_state'])
        for name in ('other-name', 'other-ca'):
            self.assertEqual('untrusted', answer[name]['error']['code'])
        # Without a downgrade to plain HTTP.
        self.assertIn('error', answer['plain'])
        self.assert_discreet(answer)

    def test_no_plain_text_to_a_server_without_tls(self) -> None:
        trap = self.useFixture(traps.Trap())
        login = {'username': 'admin', 'password': PASSWORD}
        for more in ({}, {'verify': False}):
            driver = self.start_with(
                {'node': {'address': trap.address, **login, **more}}
            )
            self.assertIn('error', driver.inventory(CONTEXT)['node'])
        self.assertEqual(2, len(trap.visits))
        for first in trap.visits:
            # A ClientHello without readable secrets.
            self.assertEqual(b'\x16\x03', first[:2])
            self.assertNotIn(b'Authorization', first)


class LogTest(test_redfish.RedfishTestCase):
    """Debug logs of a conductor contain no password."""

    def setUp(self) -> None:
        super().setUp()
        self.debug = self.useFixture(fixtures.FakeLogger(level=logging.DEBUG))
        pair = f'admin:{PASSWORD}'.encode()
        self.pair = base64.b64encode(pair).decode()

    def assert_no_secret(self) -> None:
        self.assertNotIn(self.pair, self.debug.output)
        self.assertNotIn(PASSWORD, self.debug.output)

    def test_a_bmc_that_repeats_requests(self) -> None:
        plain = bmc.faults.status(400, PASSWORD)
        for http_method in ('GET', 'PATCH', 'POST'):
            for fault in (bmc.faults.echo, plain):
                wicked = self.simulate(**{http_method: fault})
                driver = self.start_with({'node': self.entry(wicked)})
                for answer in (
                    driver.indicator_led(CONTEXT, target='node', state='Lit'),
                    driver.eject_vmedia(CONTEXT, tag=None),
                ):
                    self.assertNotIn(PASSWORD, str(answer))
        self.assertIn('authorization: Basic ***', self.debug.output)
        self.assert_no_secret()

    def test_a_failure_of_each_kind(self) -> None:
        for fault in (
            bmc.faults.close,
            test_redfish.GARBAGE,
            bmc.faults.redirect('/elsewhere'),
            bmc.faults.status(401),
            bmc.faults.status(500),
            _LARGE['deep'],
        ):
            wicked = self.simulate(GET=fault)
            driver = self.start_with({'node': self.entry(wicked)})
            driver.inventory(CONTEXT)
        self.assertIn('Traceback', self.debug.output)
        self.assert_no_secret()
