# SPDX-License-Identifier: Apache-2.0
"""The simulated BMC over real sockets."""

import asyncio
import http.client
import json
import resource
import socket
import ssl
import threading
import urllib.error
import urllib.request
from typing import Any

from ironic_passthru.testing import bmc
from ironic_passthru.tests import base

EJECT = f'{bmc.MEDIA}/Cd/Eject'


class BmcTest(base.TestCase):
    def start(self, **options: Any) -> bmc.SimulatedBmc:
        return self.enterContext(
            bmc.SimulatedBmc(**{'username': '', **options})
        )

    def send(
        self,
        fake: bmc.SimulatedBmc,
        method: str,
        path: str,
        body: Any = None,
        **more: str,
    ) -> tuple[int, Any, Any]:
        context = None
        if fake.ca_file:
            context = ssl.create_default_context(cafile=str(fake.ca_file))
        request = urllib.request.Request(
            fake.url + path,
            None if body is None else json.dumps(body).encode(),
            {name.replace('_', '-'): value for name, value in more.items()},
            method=method,
        )
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=context),
        )
        try:
            answer = opener.open(request, timeout=5)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            text = answer.read()
        return answer.status, json.loads(text or b'null'), answer.headers

    def test_patch_changes_a_resource_and_is_recorded(self) -> None:
        fake = self.start()
        change = {'IndicatorLED': 'Lit'}
        self.assertEqual(204, self.send(fake, 'PATCH', bmc.SYSTEM, change)[0])
        document = self.send(fake, 'GET', bmc.SYSTEM)[1]
        self.assertEqual('Lit', document['IndicatorLED'])
        self.assertEqual({'PATCH': 1, 'GET': 1}, dict(fake.count()))
        self.assertEqual(change, fake.received[0].document())
        self.assertEqual('Off', bmc.RESOURCES[bmc.SYSTEM]['IndicatorLED'])

    def test_etags(self) -> None:
        fake = self.start()
        fake.etags, fake.require_if_match = 'strong', True
        tag = self.send(fake, 'GET', bmc.SYSTEM)[2]['ETag']
        for headers, status in (
            ({}, 428),
            ({'If_Match': '"old"'}, 412),
            ({'If_Match': tag}, 204),
            ({'If_Match': tag}, 412),
        ):
            body = {'IndicatorLED': 'Lit'}
            found = self.send(fake, 'PATCH', bmc.SYSTEM, body, **headers)[0]
            self.assertEqual(status, found, headers)

    def test_logins(self) -> None:
        fake = self.start(username='admin', password='p')
        self.assertEqual(200, self.send(fake, 'GET', bmc.ROOT)[0])
        self.assertEqual(401, self.send(fake, 'GET', bmc.SYSTEM)[0])
        basic = {'Authorization': 'Basic YWRtaW46cA=='}
        self.assertEqual(200, self.send(fake, 'GET', bmc.SYSTEM, **basic)[0])
        path = '/redfish/v1/SessionService/Sessions'
        login = {'UserName': 'admin', 'Password': 'wrong'}
        self.assertEqual(401, self.send(fake, 'POST', path, login)[0])
        login['Password'] = 'p'
        status, _, headers = self.send(fake, 'POST', path, login)
        self.assertEqual(201, status)
        token = {'X_Auth_Token': headers['X-Auth-Token']}
        self.assertEqual(200, self.send(fake, 'GET', bmc.SYSTEM, **token)[0])
        self.send(fake, 'DELETE', headers['Location'], **token)
        self.assertEqual(401, self.send(fake, 'GET', bmc.SYSTEM, **token)[0])

    def test_tasks(self) -> None:
        fake = self.start()
        finished: list[str] = []
        fake.actions[EJECT] = lambda request: bmc.BmcTask(
            steps=[30], finish=lambda: finished.append(request.path)
        )
        status, task, headers = self.send(fake, 'POST', EJECT, {})
        self.assertEqual((202, 'Running'), (status, task['TaskState']))
        status, task, _ = self.send(fake, 'GET', headers['Location'])
        self.assertEqual((202, 30), (status, task['PercentComplete']))
        self.assertEqual([], finished)
        self.assertEqual(204, self.send(fake, 'GET', headers['Location'])[0])
        task = self.send(fake, 'GET', task['@odata.id'])[1]
        self.assertEqual('Completed', task['TaskState'])
        self.assertEqual([EJECT], finished)

    def test_pages(self) -> None:
        members = [{'@odata.id': f'{bmc.SYSTEMS}/{n}'} for n in range(5)]
        fake = self.start(resources={bmc.SYSTEMS: {'Members': members}})
        fake.page_size = 2
        found, path = [], bmc.SYSTEMS
        while path:
            page = self.send(fake, 'GET', path)[1]
            self.assertLessEqual(len(page['Members']), 2)
            found += page['Members']
            path = page.get('Members@odata.nextLink')
        self.assertEqual(members, found)

    def test_faults(self) -> None:
        fake = self.start()
        for fault, expected in (
            (bmc.faults.close, http.client.RemoteDisconnected),
            (bmc.faults.reset, ConnectionResetError),
            (bmc.faults.raw(b'garbage\r\n\r\n'), http.client.BadStatusLine),
        ):
            fake.faults['POST'] = fault
            before = len(fake.received)
            self.assertRaises(expected, self.send, fake, 'POST', EJECT, {})
            self.assertEqual(before + 1, len(fake.received))
        fake.faults['POST'] = bmc.faults.status(503)
        self.assertEqual(503, self.send(fake, 'POST', EJECT, {})[0])
        fake.faults[f'GET {bmc.ROOT}'] = bmc.faults.document([1])
        self.assertEqual([1], self.send(fake, 'GET', bmc.ROOT)[1])
        self.assertEqual(200, self.send(fake, 'GET', bmc.SYSTEM)[0])

    def test_close_before_receipt(self) -> None:
        fake = self.start()
        fake.faults['CONNECT'] = bmc.faults.close
        self.assertRaises(OSError, self.send, fake, 'GET', bmc.ROOT)
        self.assertEqual([], fake.received)

    def test_faults_before_the_tls_handshake(self) -> None:
        fake = self.start(tls=True)
        for fault, expected in (
            (bmc.faults.close, (ssl.SSLEOFError, ConnectionResetError)),
            (bmc.faults.reset, (ConnectionResetError,)),
            (
                bmc.faults.raw(b'HTTP/1.1 400 Bad Request\r\n\r\n'),
                ssl.SSLError,
            ),
            (bmc.faults.hang, TimeoutError),
        ):
            fake.faults['ACCEPT'] = fault
            with self.assertRaises(expected):
                self.shake_hands(fake)
        self.assertEqual((4, []), (fake.accepted, fake.received))
        del fake.faults['ACCEPT']
        fake.faults['CONNECT'] = bmc.faults.hang
        self.shake_hands(fake)

    def shake_hands(self, fake: bmc.SimulatedBmc) -> None:
        place = (fake.address, fake.port)
        with socket.create_connection(place, timeout=0.5) as connection:
            context = ssl.create_default_context(cafile=str(fake.ca_file))
            name = fake.address
            context.wrap_socket(connection, server_hostname=name).close()

    def test_stopped_bmc_refuses_and_returns_at_its_port(self) -> None:
        fake = self.start()
        url = fake.url
        fake.stop()
        error = self.assertRaises(
            urllib.error.URLError, self.send, fake, 'GET', bmc.ROOT
        )
        self.assertIsInstance(error.reason, ConnectionRefusedError)
        fake.start()
        self.assertEqual(200, self.send(fake, 'GET', bmc.ROOT)[0])
        self.assertEqual(url, fake.url)

    def test_tls(self) -> None:
        fake = self.start(tls=True)
        self.assertEqual(200, self.send(fake, 'GET', bmc.ROOT)[0])
        fake.ca_file = None
        error = self.assertRaises(
            urllib.error.URLError, self.send, fake, 'GET', bmc.ROOT
        )
        self.assertIsInstance(error.reason, ssl.SSLCertVerificationError)

    def test_many_share_one_thread_that_ends(self) -> None:
        before = set(threading.enumerate())
        fakes = [
            bmc.SimulatedBmc(address=f'127.0.1.{n}') for n in range(1, 101)
        ]
        for fake in fakes:
            fake.start()
            self.addCleanup(fake.stop)
        self.assertEqual(1, len(set(threading.enumerate()) - before))
        for fake in fakes:
            self.assertEqual(200, self.send(fake, 'GET', bmc.ROOT)[0])
            fake.stop()
        self.assertEqual(before, set(threading.enumerate()))

    def test_a_thousand_answer_at_once(self) -> None:
        """Every BMC delays its response until all have received a request."""
        number = 1000
        # Three sockets each: listener, and both ends of a connection.
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, limits)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limits[1], limits[1]))
        fakes = [self.start() for _ in range(number)]
        every = asyncio.Event()

        async def respond_with_all(exchange: bmc.Exchange) -> None:
            if all(fake.received for fake in fakes):
                every.set()
            await asyncio.wait_for(every.wait(), 30)
            await exchange.send(bmc.BmcReply(200, {}))

        for fake in fakes:
            fake.faults['GET'] = respond_with_all

        async def get(fake: bmc.SimulatedBmc) -> bytes:
            reader, writer = await asyncio.open_connection(
                fake.address, fake.port
            )
            writer.write(b'GET /redfish/v1 HTTP/1.1\r\n\r\n')
            answer = await reader.read()
            writer.close()
            return answer.partition(b'\r\n')[0]

        async def get_all() -> list[bytes]:
            return await asyncio.gather(*map(get, fakes))

        self.assertEqual([b'HTTP/1.1 200 OK'] * number, asyncio.run(get_all()))
