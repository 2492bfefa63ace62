# SPDX-License-Identifier: Apache-2.0
"""The redfish driver with simulated BMCs over real sockets."""

import json
import logging
import pathlib
import socket
import time
from collections.abc import Iterable
from concurrent import futures
from typing import Any

import fixtures
import yaml

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru.drivers import redfish
from ironic_passthru.drivers.redfish import bmc_target
from ironic_passthru.drivers.redfish import client
from ironic_passthru.drivers.redfish import deadline
from ironic_passthru.drivers.redfish import trust
from ironic_passthru.fleet import summary
from ironic_passthru.testing import bmc
from ironic_passthru.tests import base
from ironic_passthru.tests.functional import emulator

#: Context of a call without an operation.
CONTEXT = request_context.RequestContext(overwrite=False)

PASSWORD = 'simulated-secret'


class ItemsOnly(redfish.RedfishVendor):
    """Methods return the items of targets, also of failed calls."""

    def _each(self, *arguments: Any, **options: Any) -> Any:
        try:
            return super()._each(*arguments, **options)['items']
        except summary.TargetsFailed as error:
            return error.partial_result['items']


class RedfishTestCase(base.TestCase):
    """Start the driver with an inventory file."""

    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(
            fixtures.FakeLogger(level=logging.INFO, nuke_handlers=False)
        )
        self.directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.path = self.directory / 'inventory.yaml'

    def start(self, **options: object) -> redfish.RedfishVendor:
        """Return a driver with the inventory at ``self.path``."""
        settings = {
            'redfish__inventory_file': str(self.path),
            'redfish__connect_timeout': 2.0,
            'redfish__read_timeout': 5.0,
            **{f'redfish__{name}': v for name, v in options.items()},
        }
        driver = ItemsOnly()
        driver.start(self.make_conf(**settings))
        self.addCleanup(driver.stop)
        return driver

    def start_with(
        self, entries: dict[str, dict[str, object]], **options: object
    ) -> redfish.RedfishVendor:
        """Return a driver with ``entries`` as its inventory."""
        self.path.write_text(yaml.safe_dump(entries))
        self.path.chmod(0o600)
        return self.start(**options)

    def simulate(
        self,
        resources: dict[str, dict[str, Any]] | None = None,
        **faults: bmc.faults.Fault,
    ) -> bmc.SimulatedBmc:
        """Return a BMC with faults by HTTP method."""
        fake = self.enterContext(
            bmc.SimulatedBmc(resources, password=PASSWORD)
        )
        fake.faults.update(faults)
        return fake

    @staticmethod
    def entry(fake: bmc.SimulatedBmc) -> dict[str, object]:
        """Return an entry for an inventory file."""
        login = {'username': fake.username, 'password': fake.password}
        return {'address': fake.url, **login}

    def assert_discreet(self, *answers: object) -> None:
        """Fail if a result or a log record contains a secret."""
        shown = json.dumps(answers) + self.log.output
        for secret in (
            '127.0.0',
            'http:',
            'admin',
            PASSWORD,
            emulator.PASSWORD,
        ):
            self.assertNotIn(secret, shown)


def _tracked() -> tuple[request_context.RequestContext, list[str]]:
    """Return a context and the list of reported targets."""
    reported: list[str] = []

    class State(request_context.CallState):
        def report_targets(self, names: Iterable[str]) -> None:
            reported.extend(names)

    return CONTEXT.for_call(State()), reported


class EmulatorTest(RedfishTestCase):
    """Each method with sushy's emulator."""

    def setUp(self) -> None:
        super().setUp()
        self.emulator = self.useFixture(emulator.SushyEmulator())
        self.emulator.inventory(
            self.path, tags={'alpha': ['rack1'], 'beta': ['rack1']}
        )
        self.driver = self.start()

    def test_inventory_of_all(self) -> None:
        answer = self.driver.inventory(CONTEXT)
        self.assertEqual(['alpha', 'beta', 'gamma'], list(answer))
        self.assertEqual(
            {
                'reachable': True,
                'manufacturer': 'Sushy Emulator',
                'model': None,
                'serial_number': None,
                'power_state': 'Off',
                'health': 'OK',
            },
            answer['alpha'],
        )
        self.assert_discreet(answer)

    def test_choosing(self) -> None:
        for selector, names in (
            ({'target': 'gamma'}, ['gamma']),
            ({'targets': ['gamma', 'alpha', 'gamma']}, ['gamma', 'alpha']),
            ({'tag': 'rack1'}, ['alpha', 'beta']),
        ):
            self.assertEqual(
                names, list(self.driver.inventory(CONTEXT, **selector))
            )

    def test_targets_are_reported_whatever_selects_them(self) -> None:
        for selector, names in (
            ({}, ['alpha', 'beta', 'gamma']),
            ({'tag': 'rack1'}, ['alpha', 'beta']),
            ({'targets': ['gamma', 'alpha']}, ['alpha', 'gamma']),
        ):
            context, reported = _tracked()
            self.driver.inventory(context, **selector)
            self.assertEqual(names, sorted(reported), selector)

    def test_indicator_led_changes_the_chosen_system_alone(self) -> None:
        answer = self.driver.indicator_led(
            CONTEXT, state='Blinking', target='beta'
        )
        self.assertEqual(
            {
                'beta': {
                    'reachable': True,
                    'changed': True,
                    'state': 'Blinking',
                }
            },
            answer,
        )
        self.assertEqual('Blinking', self._system('beta')['IndicatorLED'])
        self.assertEqual('Lit', self._system('alpha')['IndicatorLED'])

    def test_eject_vmedia(self) -> None:
        eject = self.driver.eject_vmedia
        self.assertTrue(self._system('alpha', '/VirtualMedia/Cd')['Inserted'])
        self.assertEqual(
            {'alpha': {'reachable': True, 'changed': False, 'ejected': []}},
            eject(CONTEXT, target='alpha', device='Floppy'),
        )
        self.assertEqual(
            {'alpha': {'reachable': True, 'changed': True, 'ejected': ['Cd']}},
            eject(CONTEXT, target='alpha', device='DVD'),
        )
        self.assertFalse(self._system('alpha', '/VirtualMedia/Cd')['Inserted'])
        self.assertEqual(
            {
                'alpha': {'reachable': True, 'changed': False, 'ejected': []},
                'beta': {
                    'reachable': True,
                    'changed': True,
                    'ejected': ['Cd'],
                },
            },
            eject(CONTEXT, tag='rack1'),
        )

    def test_wrong_password(self) -> None:
        entry = self.emulator.entry('alpha') | {'password': 'wrong'}
        answer = self.start_with({'alpha': entry}).inventory(CONTEXT)
        self.assertTrue(answer['alpha']['reachable'])
        self.assertEqual('access_denied', answer['alpha']['error']['code'])
        self.assert_discreet(answer)

    def test_system_by_path_and_by_none(self) -> None:
        entry = self.emulator.entry('alpha')
        path = f'/redfish/v1/Systems/{entry.pop("system_id")}'
        answer = self.start_with(
            {
                'by-path': entry | {'system_id': path},
                'by-none': entry,
                'by-wrong': entry | {'system_id': 'x'},
            }
        ).inventory(CONTEXT)
        self.assertEqual('Off', answer['by-path']['power_state'])
        for name in ('by-none', 'by-wrong'):
            self.assertEqual('system_not_found', answer[name]['error']['code'])

    def _system(self, name: str, below: str = '') -> dict[str, object]:
        """Read a system's document without the driver."""
        target = bmc_target.Target(
            name,
            bmc_target.Address(
                self.emulator.url, emulator.USERNAME, emulator.PASSWORD
            ),
        )
        reader = client.BmcClient(
            target,
            deadline.Deadline(10),
            trust.TrustStore(),
            connect_timeout_seconds=5,
            read_timeout_seconds=5,
        )
        with reader:
            path = f'/redfish/v1/Systems/{self.emulator.uuids[name]}{below}'
            return reader.get(path).document


class TlsTest(RedfishTestCase):
    """The certificate of a BMC is checked unless the inventory disables it."""

    def test_certificates(self) -> None:
        server = self.useFixture(emulator.SushyEmulator(('alpha',), tls=True))
        trusted = server.entry('alpha')
        unknown_ca = {k: v for k, v in trusted.items() if k != 'ca'}
        answer = self.start_with(
            {
                'trusted': trusted,
                'unknown-ca': unknown_ca,
                'unchecked': unknown_ca | {'verify': False},
            }
        ).inventory(CONTEXT)
        self.assertEqual('Off', answer['trusted']['power_state'])
        self.assertEqual('Off', answer['unchecked']['power_state'])
        self.assertFalse(answer['unknown-ca']['reachable'])
        self.assertEqual('untrusted', answer['unknown-ca']['error']['code'])
        self.assert_discreet(answer)


GARBAGE = bmc.faults.raw(b'\x00\xffnot HTTP at all\r\n\r\n')


class SentOnceTest(RedfishTestCase):
    """A change is sent once, whatever happens after its receipt."""

    def _send(
        self, http_method: str, fault: bmc.faults.Fault | None = None
    ) -> tuple[bmc.SimulatedBmc, dict[str, Any]]:
        fake = self.simulate(**({http_method: fault} if fault else {}))
        fake.etags = 'strong'
        driver = self.start_with({'node': self.entry(fake)}, read_timeout=0.5)
        if http_method == 'POST':
            answer = driver.eject_vmedia(CONTEXT, target='node')
        else:
            answer = driver.indicator_led(CONTEXT, target='node', state='Lit')
        self.assert_discreet(answer)
        self.assertEqual(1, fake.count()[http_method], fault)
        self.assertEqual({'GET', http_method}, set(fake.count()))
        return fake, answer['node']

    def test_outcome_unknown(self) -> None:
        for http_method in ('POST', 'PATCH'):
            for fault in (
                bmc.faults.close,
                bmc.faults.reset,
                bmc.faults.hang,
                GARBAGE,
            ):
                _, item = self._send(http_method, fault)
                self.assertEqual(
                    'outcome_unknown', item['error']['code'], fault
                )
                self.assertTrue(item['reachable'])

    def test_refused(self) -> None:
        for status, code in (
            (503, 'bmc_error'),
            (500, 'bmc_error'),
            (401, 'access_denied'),
            (403, 'access_denied'),
            (404, 'not_found'),
            (400, 'refused'),
            (409, 'refused'),
            (412, 'changed_meanwhile'),
            (415, 'refused'),
            (428, 'precondition_required'),
        ):
            # Other clients of BMCs retry after these messages.
            fault = bmc.faults.status(
                status, f'SYS518 InvalidOperationForSystemState {PASSWORD}'
            )
            for http_method in ('POST', 'PATCH'):
                _, item = self._send(http_method, fault)
                self.assertEqual(code, item['error']['code'], status)
                self.assertEqual(
                    ['Base.1.0.GeneralError'], item['error']['message_ids']
                )
                self.assertNotIn('SYS518', str(item))
                self.assertTrue(item['reachable'])

    def test_redirected(self) -> None:
        for http_method in ('POST', 'PATCH'):
            _, item = self._send(
                http_method, bmc.faults.redirect('/redfish/v1/elsewhere')
            )
            self.assertEqual('redirected', item['error']['code'])

    def test_a_body_that_never_ends_does_not_hide_the_status(self) -> None:
        _, item = self._send('POST', bmc.faults.slow_body())
        self.assertEqual(
            {'reachable': True, 'changed': True, 'ejected': ['Cd']}, item
        )

    def test_sent_requests(self) -> None:
        fake, item = self._send('POST')
        self.assertEqual(
            {'reachable': True, 'changed': True, 'ejected': ['Cd']}, item
        )
        self.assertEqual(b'{}', fake.received[-1].body)
        fake, item = self._send('PATCH')
        self.assertEqual(
            {'reachable': True, 'changed': True, 'state': 'Lit'}, item
        )
        request = fake.received[-1]
        self.assertEqual({'IndicatorLED': 'Lit'}, request.document())
        self.assertRegex(request.headers['if-match'], '^"[0-9a-f]+"$')


class ReadingTest(RedfishTestCase):
    """A failing BMC affects only its own target and time."""

    def test_faults(self) -> None:
        faults = bmc.faults
        elsewhere = {'Systems': {'@odata.id': 'http://127.0.0.2/Systems'}}
        for fault, code in (
            (faults.close, 'connection_lost'),
            (faults.reset, 'connection_lost'),
            (GARBAGE, 'connection_lost'),
            (faults.hang, 'timeout'),
            (faults.slow_body(), 'timeout'),
            (faults.document([1, 2]), 'bad_answer'),
            (faults.document(elsewhere), 'bad_answer'),
            (
                faults.raw(
                    b'HTTP/1.1 200 OK\r\nA: b\r\n no colon\r\nc d\r\n\r\n{}'
                ),
                'not_supported',
            ),
            (faults.redirect('/elsewhere'), 'redirected'),
            (faults.status(503), 'bmc_error'),
            (faults.status(403), 'access_denied'),
        ):
            fake = self.simulate(GET=fault)
            driver = self.start_with(
                {'node': self.entry(fake)}, read_timeout=0.5, call_timeout=3.0
            )
            answer = driver.inventory(CONTEXT)
            self.assertEqual(code, answer['node']['error']['code'], fault)
            self.assertEqual(1, len(fake.received), fault)
            self.assert_discreet(answer)
            self.assertIn(
                f'Target node of driver redfish: {code}', self.log.output
            )

    def test_an_unreachable_bmc(self) -> None:
        with socket.socket() as unused:
            unused.bind(('127.0.0.1', 0))
            port = unused.getsockname()[1]
            entry = {
                'address': f'http://127.0.0.1:{port}',
                'username': 'admin',
                'password': PASSWORD,
            }
            driver = self.start_with({'node': entry})
            for answer in (
                driver.inventory(CONTEXT),
                driver.eject_vmedia(CONTEXT, target='node'),
            ):
                self.assertEqual(
                    'unreachable', answer['node']['error']['code']
                )
                self.assertFalse(answer['node']['reachable'])
                self.assert_discreet(answer)

    def test_one_dead_bmc_does_not_spoil_the_others(self) -> None:
        good = self.simulate()
        dead = self.simulate(GET=bmc.faults.hang)
        entries = {f'good{n}': self.entry(good) for n in range(4)}
        driver = self.start_with(
            {'dead': self.entry(dead), **entries}, read_timeout=2.0
        )
        began = time.monotonic()
        answer = driver.inventory(CONTEXT)
        self.assertLess(time.monotonic() - began, 10)
        self.assertEqual('timeout', answer.pop('dead')['error']['code'])
        self.assertEqual(
            ['A1'] * 4, [item['model'] for item in answer.values()]
        )

    def test_concurrency_is_bounded_over_all_calls(self) -> None:
        slow = self.simulate()
        slow.latency_seconds = 0.1
        driver = self.start_with(
            {f'node{n}': self.entry(slow) for n in range(4)}, concurrency=2
        )
        with futures.ThreadPoolExecutor(2) as callers:
            calls = [
                callers.submit(driver.inventory, CONTEXT) for _ in range(2)
            ]
        for call in calls:
            self.assertEqual(
                ['A1'] * 4, [item['model'] for item in call.result().values()]
            )
        self.assertEqual(2, slow.most_at_once)

    def test_a_call_ends_in_its_time(self) -> None:
        slow = self.simulate(GET=bmc.faults.hang)
        driver = self.start_with(
            {f'node{n}': self.entry(slow) for n in range(3)},
            read_timeout=30.0,
            call_timeout=0.5,
            concurrency=1,
        )
        began = time.monotonic()
        context, reported = _tracked()
        answer = driver.eject_vmedia(
            context, targets=['node0', 'node1', 'node2']
        )
        self.assertLess(time.monotonic() - began, 10)
        codes = [item['error']['code'] for item in answer.values()]
        self.assertEqual(['timeout', *['not_attempted'] * 2], codes)
        self.assertEqual(['node0'], reported)
        self.assertEqual(1, len(slow.received))


class InventoryFileTest(RedfishTestCase):
    """The driver reloads its inventory."""

    def test_a_new_version_counts_soon(self) -> None:
        good = self.simulate()
        driver = self.start_with({'one': self.entry(good)})
        self.path.write_text(yaml.safe_dump({'two': self.entry(good)}))
        self.wait_for(
            lambda: list(driver.inventory(CONTEXT)) == ['two'],
            'the new targets are those of the driver',
        )
        error = self.assertRaises(
            errors.InvalidParameterValue,
            driver.driver_validate,
            'inventory',
            target='one',
        )
        self.assertEqual('Unknown target: one', error.message)
