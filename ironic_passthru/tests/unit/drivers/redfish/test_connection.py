# SPDX-License-Identifier: Apache-2.0
"""One kept connection, on which a change is sent once."""

import logging
import time

import fixtures

from ironic_passthru.drivers.redfish import connection
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.testing import bmc as testing_bmc
from ironic_passthru.tests.unit.drivers.redfish import simulated

SYSTEM = testing_bmc.SYSTEM
LIT = {'IndicatorLED': 'Lit'}
faults = testing_bmc.faults


class KeptTest(simulated.SimulatedBmcTestCase):
    def test_one_connection_for_a_call(self) -> None:
        fake = self.simulate()
        client = self.client(fake)
        system = client.get(SYSTEM)
        client.patch(system, {'IndicatorLED': 'Lit'})
        client.get(SYSTEM)
        self.assertEqual((1, 1), (fake.accepted, fake.open_connections))
        client.close()
        self.wait_for(lambda: not fake.open_connections, 'the end')

    def test_closed_by_the_bmc(self) -> None:
        for announces in (True, False):
            fake = self.simulate()
            fake.keep_alive, fake.announces_close = False, announces
            client = self.client(fake)
            for _ in range(3):
                system = client.get(SYSTEM)
                # The change must not meet the end of the connection.
                self.wait_for(
                    lambda fake=fake: not fake.open_connections, 'the end'
                )
            client.patch(system, {'IndicatorLED': 'Lit'})
            self.assertEqual({'GET': 3, 'PATCH': 1}, dict(fake.count()))
            self.assertEqual(4, fake.accepted)

    def test_no_reuse_after_a_failure(self) -> None:
        fake = self.simulate()
        client = self.client(fake, read_seconds=0.3)
        client.get(SYSTEM)
        fake.faults['GET'] = testing_bmc.faults.hang
        self.assertEqual('timeout', self.code(client.get, SYSTEM))
        fake.faults.clear()
        client.get(SYSTEM)
        self.assertEqual(2, fake.accepted)

    def test_a_read_is_repeated_once(self) -> None:
        for fault in (testing_bmc.faults.close, testing_bmc.faults.reset):
            fake = self.simulate()
            client = self.client(fake)
            client.get(SYSTEM)
            fake.faults['GET'] = fault
            self.assertEqual('connection_lost', self.code(client.get, SYSTEM))
            # Once on the kept connection and once on a new one.
            self.assertEqual(3, fake.count()['GET'])
            self.assertEqual('connection_lost', self.code(client.get, SYSTEM))
            self.assertEqual(4, fake.count()['GET'])

    def test_a_change_is_sent_once(self) -> None:
        for fault in (testing_bmc.faults.close, testing_bmc.faults.reset):
            for kept in (True, False):
                for name in ('PATCH', 'PUT', 'POST', 'DELETE'):
                    fake = self.simulate()
                    fake.faults[name] = fault
                    client = self.client(fake)
                    system = client.get(SYSTEM)
                    if not kept:
                        client.close()
                    change = {
                        'PATCH': lambda c, s: c.patch(s, {'A': 1}),
                        'PUT': lambda c, s: c.put(s, {'A': 1}),
                        'POST': lambda c, s: c.post(s.path),
                        'DELETE': lambda c, s: c.delete(s.path),
                    }[name]
                    self.assertRaises(
                        failures.ChangeOutcomeUnknown, change, client, system
                    )
                    self.assertEqual(1, fake.count()[name], fault)

    def test_bmcs_that_close_without_notice_get_new_connections(self) -> None:
        fake = self.simulate()
        client = self.client(fake)
        fake.keep_alive = fake.announces_close = False
        client.get(SYSTEM)
        self.wait_for(lambda: not fake.open_connections, 'the end')
        fake.keep_alive = True
        system = client.get(SYSTEM)
        client.get(SYSTEM)
        self.assertEqual(2, fake.accepted)
        client.patch(system, {'A': 1})
        self.assertEqual(3, fake.accepted)

    def test_nothing_is_sent_after_the_deadline(self) -> None:
        fake = self.simulate()
        late = self.client(fake, seconds=0.0)
        for send in (late.get, late.post, late.delete):
            self.assertEqual('timeout', self.code(send, SYSTEM))
        self.assertEqual(0, fake.accepted)

    def test_data_of_a_call_is_limited(self) -> None:
        fake = self.simulate()
        size = connection.MAX_CALL_BYTES * 2 // 9
        fake.resources[SYSTEM]['Name'] = 'x' * size
        client = self.client(fake)
        for _ in range(4):
            client.get(SYSTEM)
        self.assertRaises(failures.DataLimitReached, client.get, SYSTEM)
        fake.resources[SYSTEM]['Name'] = ''
        self.assertRaises(failures.DataLimitReached, client.get, SYSTEM)


class ResponseTest(simulated.SimulatedBmcTestCase):
    """One final response in the time of one response."""

    def test_time_of_a_response(self) -> None:
        chunked = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
        for first in (
            b'HTTP/1.1 200 O',
            b'HTTP/1.1 200 OK\r\nX-A: ',
            b'HTTP/1.1 102 Processing\r\nX-A: ',
            chunked,
            chunked + b'1;',
        ):
            fake = self.simulate()
            client = self.client(fake, seconds=60.0, read_seconds=0.5)
            system = client.get(SYSTEM)
            fake.faults['GET'] = fake.faults['PATCH'] = faults.raw(
                first, b'0', pause_seconds=0.1
            )
            began = time.monotonic()
            self.assertEqual('timeout', self.code(client.get, SYSTEM), first)
            self.assertLess(time.monotonic() - began, 3)
            if first.startswith(chunked):
                # The status of a change is sufficient.
                client.patch(system, LIT)
            else:
                self.assertRaises(
                    failures.ChangeOutcomeUnknown, client.patch, system, LIT
                )
            self.assertLess(time.monotonic() - began, 6)

    def test_the_next_request_has_its_own_time(self) -> None:
        fake = self.simulate()
        client = self.client(fake, read_seconds=1.0)
        fake.latency_seconds = 0.6
        for _ in range(3):
            client.get(SYSTEM)
        self.assertEqual(1, fake.accepted)

    def test_interim_responses(self) -> None:
        interim = b'HTTP/1.1 102 Processing\r\n\r\n'
        hints = b'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n'
        rejected = b'HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n'
        made = b'HTTP/1.1 204 No Content\r\n\r\n'
        for content, code in (
            (interim + rejected, 'access_denied'),
            (interim + b'HTTP/1.1 100 OK\r\n\r\n' + hints + made, None),
            (interim, 'outcome_unknown'),
            (interim * 200 + made, None),
            (interim * 201 + made, 'outcome_unknown'),
            (b'HTTP/1.1 100 OK\r\n\r\n' * 201 + made, 'outcome_unknown'),
            (b'HTTP/1.1 101 Switching\r\n\r\n' + made, 'outcome_unknown'),
        ):
            fake = self.simulate()
            fake.faults['POST'] = faults.raw(content)
            client = self.client(fake, read_seconds=2.0)
            if code is None:
                client.post(SYSTEM)
            else:
                self.assertEqual(code, self.code(client.post, SYSTEM), content)
            self.assertEqual(1, fake.count()['POST'])

    def test_bytes_after_a_response(self) -> None:
        reply = testing_bmc.BmcReply(200, {'Id': 'true'})

        async def twice(exchange: testing_bmc.Exchange) -> None:
            # More than a read receives at once, in one record of TLS.
            body = b'{}' + b' ' * 9000
            length = b'Content-Length: %d\r\n\r\n' % len(body)
            forged = b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]'
            exchange.writer.write(
                b'HTTP/1.1 200 OK\r\n' + length + body + forged
            )
            await faults.hang(exchange)

        for tls in (False, True):
            fake = self.simulate(tls=tls)
            client = self.client(fake)
            fake.faults[f'GET {SYSTEM}'] = twice
            client.get(SYSTEM)
            fake.faults[f'GET {SYSTEM}'] = faults.respond(reply)
            self.assertEqual('true', client.get(SYSTEM).text('Id'))
            self.assertEqual(2, fake.accepted)

    def test_no_credentials_in_the_log(self) -> None:
        log = self.useFixture(
            fixtures.FakeLogger(level=logging.DEBUG, format='%(message)s')
        )
        fake = self.simulate()
        client = self.client(fake)
        client.get(SYSTEM)
        sent = fake.received[0].headers['authorization'].encode()
        chunked = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
        for content in (
            sent,
            b'HTTP/1.1 ' + sent,
            b'HTTP/' + sent.split()[1] + b' 200',
            chunked + sent,
            b'HTTP/1.1 200 OK\r\nContent-Length: ' + sent + b'\r\n',
            b'HTTP/1.1 200 OK\r\n' + sent + b'\r\nA: B\r\n\r\n',
        ):
            fake.faults['GET'] = faults.raw(content + b'\r\n')
            try:
                client.get(SYSTEM)
            except failures.BmcError:
                logging.debug('Failed', exc_info=True)
        fake.faults.clear()
        pair = sent.split()[1].decode()
        self.assertRaises(failures.BmcError, client.get, f'/{pair}')
        self.assertIn('status 404', log.output)
        self.assertNotIn(pair, log.output)
