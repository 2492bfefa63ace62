# SPDX-License-Identifier: Apache-2.0
"""Reading and changing resources of a BMC."""

import itertools
import json
import time
from typing import Any
from unittest import mock

from ironic_passthru.drivers.redfish import client as bmc_client
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.drivers.redfish import sender
from ironic_passthru.testing import bmc as testing_bmc
from ironic_passthru.tests.unit.drivers.redfish import simulated

SYSTEM = testing_bmc.SYSTEM
EJECT = f'{testing_bmc.MEDIA}/Cd/Eject'
SESSIONS = '/redfish/v1/SessionService/Sessions'
LIT = {'IndicatorLED': 'Lit'}
faults = testing_bmc.faults


def replied(status: int, document: Any = None, **headers: str) -> faults.Fault:
    return faults.respond(testing_bmc.BmcReply(status, document, headers))


class LinkTest(simulated.SimulatedBmcTestCase):
    """A document of a BMC cannot send the password anywhere else."""

    def test_origins(self) -> None:
        for url, path, is_here in (
            ('https://bmc', '/redfish', True),
            ('https://bmc', 'https://bmc:443/redfish', True),
            ('https://bmc:443', 'https://bmc/redfish', True),
            ('https://bmc', 'https://BMC:/redfish', True),
            ('http://bmc', 'http://bmc:80/redfish', True),
            ('https://bmc', 'https://bmc:80/redfish', False),
            ('https://bmc', 'http://bmc:443/redfish', False),
            ('https://bmc', 'https://bmc:0/redfish', False),
            ('https://bmc', '//other/redfish', False),
            ('https://bmc', 'file:///redfish', False),
            ('https://bmc', 'http://[broken', False),
            ('https://bmc:8443', 'https://bmc/redfish', False),
            ('https://bmc:8443', 'https://bmc:443/redfish', False),
        ):
            fake = mock.Mock(url=url, ca_file=None, password='p', username='u')
            target_of = sender.RequestSender(
                self.target(fake),
                mock.Mock(),
                self.trust,
                connect_timeout_seconds=1,
                read_timeout_seconds=1,
            )._target_of
            if is_here:
                self.assertEqual('/redfish', target_of(path))
            else:
                self.assertRaises(failures.BadAnswer, target_of, path)

    def test_any_character(self) -> None:
        fake = self.simulate()
        for path, sent in (
            ('/a b', '/a%20b'),
            ('/a%20b', '/a%20b'),
            ('/ä', '/%C3%A4'),
            ('/a\ud800', '/a%3F'),
            ('/a?$skip=1', '/a?$skip=1'),
            ('/a\\b"', '/a%5Cb%22'),
        ):
            self.assertEqual(
                'not_found', self.code(self.client(fake).get, path)
            )
            self.assertEqual(sent, fake.received[-1].target)


class ChangeTest(simulated.SimulatedBmcTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.fake = self.simulate()
        self.fake.etags = 'weak'
        self.connected = self.client(self.fake)
        self.system = self.connected.get(SYSTEM)

    def patch(self) -> Any:
        return self.connected.patch(self.system, LIT)

    def test_a_bmc_that_has_answered_is_reachable(self) -> None:
        self.fake.faults['PATCH'] = testing_bmc.faults.close
        for before in (True, False):
            connected = self.client(self.fake)
            if before:
                connected.get(SYSTEM)
            try:
                with connected:
                    connected.patch(self.system, LIT)
            except failures.BmcError as error:
                item = failures.classify(error).item()
            self.assertIs(before, item['reachable'])

    def test_etags(self) -> None:
        self.fake.require_if_match = True
        self.patch()
        sent = self.fake.received[-1]
        self.assertEqual(LIT, sent.document())
        self.assertEqual(self.system.etag, sent.headers['if-match'])
        self.assertEqual('changed_meanwhile', self.code(self.patch))
        self.fake.etags = None
        self.system = self.connected.get(SYSTEM)
        error = self.error(self.patch)
        self.assertEqual('precondition_required', error['code'])
        self.assertEqual(
            ['Base.1.0.PreconditionRequired'], error['message_ids']
        )
        self.assertEqual(3, self.fake.count()['PATCH'])

    def test_etag_inside_the_document(self) -> None:
        self.fake.etags = None
        self.fake.resources[SYSTEM]['@odata.etag'] = 'W/"inside"'
        self.system = self.connected.get(SYSTEM)
        self.patch()
        self.assertEqual(
            'W/"inside"', self.fake.received[-1].headers['if-match']
        )

    def test_rejected_by_a_message(self) -> None:
        info = {
            'MessageId': 'Base.1.8.PropertyNotWritable',
            'Severity': 'Warning',
            'Message': f'No: {self.fake.password} at {self.fake.url}',
        }
        document = {'@Message.ExtendedInfo': [info]}
        self.fake.faults['PATCH'] = replied(200, document)
        error = self.error(self.patch)
        self.assertEqual('refused', error['code'])
        self.assertEqual([info['MessageId']], error['message_ids'])
        self.assertEqual(['No: *** at ***'], error['bmc_messages'])
        info['RelatedProperties'] = ['#/AssetTag']
        self.patch()
        self.fake.faults['POST'] = self.fake.faults['DELETE'] = replied(
            200, {'error': {'code': 'Base.1.0.GeneralError'}}
        )
        for change in (self.connected.post, self.connected.delete):
            self.assertEqual('refused', self.code(change, EJECT))

    def test_old_value_in_the_response(self) -> None:
        for document, code in (
            ({'IndicatorLED': 'Off'}, 'not_applied'),
            ({'IndicatorLED': 'Lit'}, None),
            ({'IndicatorLED': None}, None),
            ({'IndicatorLED': 'Blinking'}, None),
            ({}, None),
            ([], None),
        ):
            self.fake.faults['PATCH'] = replied(200, document)
            if code is None:
                self.patch()
            else:
                self.assertEqual(code, self.code(self.patch))

    def test_odd_bodies_of_success(self) -> None:
        for content in (b'', b'OK', b'\xff', b'<html>'):
            self.fake.faults['POST'] = faults.body(content)
            response = self.connected.post(EJECT)
            self.assertEqual({}, response.document)

    def test_missing_links_and_actions(self) -> None:
        for call in (
            lambda: self.connected.follow(self.system, 'Bios'),
            lambda: self.connected.act(self.system, '#ComputerSystem.Reset'),
        ):
            self.assertEqual('not_supported', self.code(call))

    def test_task(self) -> None:
        progress: list[float] = []
        self.fake.actions[EJECT] = lambda _: testing_bmc.BmcTask([40])
        client = self.client(self.fake, on_progress=progress.append)
        client.post(EJECT)
        self.assertEqual([0, 40, 100], progress)
        self.fake.actions[EJECT] = lambda _: testing_bmc.BmcTask(
            [], state='Exception'
        )
        self.assertEqual('task_failed', self.code(client.post, EJECT))
        self.assertEqual(2, self.fake.count()['POST'])


class RedirectTest(simulated.SimulatedBmcTestCase):
    """Only a missing or additional slash is followed."""

    def test_trailing_slash(self) -> None:
        for slash, name in itertools.product((True, False), (301, 307, 308)):
            fake = self.simulate()
            path = SYSTEM if slash else f'{SYSTEM}/'
            client = self.client(fake)
            fake.trailing_slash = slash
            system = client.get(path)
            client.patch(system, LIT)
            first, second = fake.received[-2:]
            self.assertEqual(first.document(), second.document())
            self.assertEqual('PATCH', second.http_method)
            self.assertEqual('Lit', fake.resources[SYSTEM]['IndicatorLED'])
            self.assertEqual({'GET': 2, 'PATCH': 2}, dict(fake.count()), name)

    def test_equal_locations(self) -> None:
        async def moved(exchange: testing_bmc.Exchange) -> None:
            assert exchange.request is not None
            if exchange.request.target.endswith('/'):
                await exchange.send(fake.respond(exchange.request))
            else:
                place = f'Location: {SYSTEM}/\r\n'.encode()
                exchange.writer.write(
                    b'HTTP/1.1 301 Moved\r\n' + place * 2 + b'\r\n'
                )

        fake = self.simulate()
        fake.faults['GET'] = moved
        self.assertEqual('A1', self.client(fake).get(SYSTEM).text('Model'))

    def test_other_redirects(self) -> None:
        for status, place in (
            (307, '/redfish/v1/Systems/2'),
            (307, f'{SYSTEM}/?a=b'),
            (307, SYSTEM),
            (302, f'{SYSTEM}/'),
            (303, f'{SYSTEM}/'),
            (308, f'https://127.0.0.1{SYSTEM}/'),
            (308, f'//127.0.0.2{SYSTEM}/'),
            (308, 'http://[broken'),
        ):
            for http_method in ('GET', 'PATCH'):
                fake = self.simulate()
                client = self.client(fake)
                system = client.get(SYSTEM)
                fake.faults[http_method] = faults.redirect(place, code=status)
                call = (
                    (lambda c=client: c.get(SYSTEM))
                    if http_method == 'GET'
                    else (lambda c=client, s=system: c.patch(s, LIT))
                )
                self.assertEqual('redirected', self.code(call), place)
                self.assertEqual(
                    1 + (http_method == 'GET'), fake.count()[http_method]
                )

    def test_a_loop_is_left(self) -> None:
        fake = self.simulate()

        async def other(exchange: testing_bmc.Exchange) -> None:
            target = exchange.request.target
            place = target[:-1] if target.endswith('/') else f'{target}/'
            await faults.redirect(place)(exchange)

        fake.faults['GET'] = other
        self.assertEqual(
            'redirected', self.code(self.client(fake).get, SYSTEM)
        )
        self.assertEqual(2, len(fake.received))


class MemberTest(simulated.SimulatedBmcTestCase):
    def collection(self, *members: Any, **more: Any) -> bmc_client.BmcClient:
        fake = self.simulate({'/c': {'Members': list(members), **more}})
        for member in members:
            if isinstance(member, dict) and '@odata.id' in member:
                fake.resources[str(member['@odata.id'])] = {'Name': 'read'}
        self.fake = fake
        return self.client(fake)

    def test_pages(self) -> None:
        client = self.collection(*[{'@odata.id': f'/c/{n}'} for n in range(7)])
        self.fake.page_size = 2
        paths = client.member_paths(client.get('/c'))
        self.assertEqual([f'/c/{n}' for n in range(7)], paths)

    def test_odd_members(self) -> None:
        odd = (None, 7, {}, {'@odata.id': None}, {'@odata.id': '/c/1'})
        client = self.collection(*odd)
        self.assertEqual(['/c/1'], client.member_paths(client.get('/c')))

    def test_endless_pages(self) -> None:
        for following in ('/c', '/d'):
            client = self.collection(**{'Members@odata.nextLink': following})
            self.fake.resources['/d'] = {'Members@odata.nextLink': '/c'}
            self.assertEqual(
                'bad_answer', self.code(client.member_paths, client.get('/c'))
            )

        async def page(exchange: testing_bmc.Exchange) -> None:
            number = len(self.fake.received)
            document = {'Members@odata.nextLink': f'/c?{number}'}
            await exchange.send(testing_bmc.BmcReply(200, document))

        client = self.collection()
        self.fake.faults['GET'] = page
        self.assertEqual(
            'bad_answer', self.code(client.member_paths, client.get('/c'))
        )
        self.assertEqual(bmc_client.MAX_PAGES, len(self.fake.received))


class LoginTest(simulated.SimulatedBmcTestCase):
    """Basic, or a session that is always deleted."""

    def requests(self, fake: testing_bmc.SimulatedBmc) -> list[str]:
        return [f'{r.http_method} {r.path[11:]}' for r in fake.received]

    def test_basic(self) -> None:
        fake = self.simulate()
        for login in (None, 'basic'):
            self.client(fake, login=login).get(SYSTEM)
        self.assertEqual(['GET /Systems/1'] * 2, self.requests(fake))
        fake.basic = False
        client = self.client(fake, login='basic')
        self.assertEqual('access_denied', self.code(client.get, SYSTEM))
        self.assertEqual(3, len(fake.received))

    def test_session_where_basic_is_refused(self) -> None:
        fake = self.simulate()
        fake.basic = False
        client = self.client(fake)
        client.root()
        client.get(SYSTEM)
        client.get(SYSTEM)
        self.assertEqual(['admin'], list(fake.sessions.values()))
        client.close()
        self.assertEqual({}, fake.sessions)
        posts = [r for r in fake.received if r.http_method == 'POST']
        self.assertEqual(1, len(posts))
        self.assertNotIn('authorization', posts[0].headers)

    def test_a_change_is_repeated_after_the_login(self) -> None:
        fake = self.simulate()
        fake.basic = False
        self.client(fake).post(EJECT)
        ejected = [r for r in fake.received if r.path == EJECT]
        self.assertEqual(2, len(ejected))
        self.assertNotIn('x-auth-token', ejected[0].headers)
        self.assertIn('x-auth-token', ejected[1].headers)

    def test_401_after_success_is_a_missing_privilege(self) -> None:
        fake = self.simulate()
        fake.faults['POST'] = faults.status(401)
        client = self.client(fake)
        client.get(SYSTEM)
        self.assertEqual('access_denied', self.code(client.post, EJECT))
        self.assertEqual(1, fake.count()['POST'])

    def test_session_first(self) -> None:
        fake = self.simulate()
        client = self.client(fake, login='session')
        client.get(SYSTEM)
        client.close()
        self.assertEqual(
            [
                'GET ',
                'POST /SessionService/Sessions',
                'GET /Systems/1',
                'DELETE ' + self.requests(fake)[-1].partition(' ')[2],
            ],
            self.requests(fake),
        )
        self.assertFalse(
            any('authorization' in r.headers for r in fake.received)
        )

    def test_a_lost_session_is_renewed_once_for_reads(self) -> None:
        fake = self.simulate()
        client = self.client(fake, login='session')
        client.get(SYSTEM)
        fake.sessions.clear()
        self.assertEqual('access_denied', self.code(client.post, EJECT))
        self.assertEqual('A1', client.get(SYSTEM).text('Model'))
        client.post(EJECT)
        fake.sessions.clear()
        self.assertEqual('access_denied', self.code(client.get, SYSTEM))

    def test_wrong_password(self) -> None:
        for login in (None, 'basic', 'session'):
            fake = self.simulate()
            client = self.client(fake, password='wrong', login=login)
            self.assertEqual('access_denied', self.code(client.get, SYSTEM))
            sent = len(fake.received)
            self.assertEqual('access_denied', self.code(client.get, SYSTEM))
            client.close()
            # A further attempt could lock the account.
            self.assertEqual(sent, len(fake.received))

    def test_the_session_is_deleted_after_failures(self) -> None:
        for fault, seconds in (
            (faults.close, 10.0),
            (faults.status(500), 10.0),
            (faults.hang, 0.5),
        ):
            fake = self.simulate()
            client = self.client(fake, login='session', seconds=seconds)
            client.get(SYSTEM)
            fake.faults[f'GET {SYSTEM}'] = fault
            self.code(client.get, SYSTEM)
            self.assertEqual(1, len(fake.sessions))
            client.close()
            self.assertEqual({}, fake.sessions, fault)

    def test_a_session_that_cannot_be_deleted(self) -> None:
        for seconds in (1.0, 60.0):
            fake = self.simulate()
            client = self.client(fake, login='session', seconds=seconds)
            client.get(SYSTEM)
            endless = faults.raw(b'HTTP/1.1 200 OK\r\nX: ', b'x')
            fake.faults['DELETE'] = endless
            began = time.monotonic()
            client.close()
            # The executor waits one second longer than the deadline.
            limit = 1.9 if seconds == 1.0 else 5.0
            self.assertLess(time.monotonic() - began, limit)
            self.assertEqual(1, fake.count()['DELETE'])

    def test_a_session_behind_redirects(self) -> None:
        for slash in (True, False):
            fake = self.simulate()
            links = fake.resources[testing_bmc.ROOT]['Links']
            path = f'{SESSIONS}{"" if slash else "/"}'
            links['Sessions'] = {'@odata.id': path}
            fake.trailing_slash = slash
            client = self.client(fake, login='session')
            client.get(SYSTEM)
            self.assertEqual(1, len(fake.sessions))
            client.close()
            self.assertEqual({}, fake.sessions)

    def test_the_path_of_a_session(self) -> None:
        link = f'{SESSIONS}/1'
        for location in ('', 'Sessions/1', '1', 'http://[broken', link):
            fake = self.simulate()
            collection = f'{SESSIONS}/' if location == '1' else SESSIONS
            links = fake.resources[testing_bmc.ROOT]['Links']
            links['Sessions'] = {'@odata.id': collection}
            needs_body = location in ('', 'http://[broken')
            fake.faults[f'POST {SESSIONS}'] = replied(
                201,
                {'@odata.id': link} if needs_body else None,
                Location=location,
                **{'X-Auth-Token': 'token'},
            )
            fake.sessions['token'] = fake.username
            client = self.client(fake, login='session')
            client.get(SYSTEM)
            client.close()
            self.assertEqual(link, fake.received[-1].path, location)

    def test_odd_sessions(self) -> None:
        for reply, code in (
            (replied(404), 'access_denied'),
            (replied(503), 'bmc_error'),
            (replied(201, {}), 'bad_answer'),
            (faults.close, 'connection_lost'),
        ):
            fake = self.simulate()
            fake.faults[f'POST {SESSIONS}'] = reply
            client = self.client(fake, login='session')
            self.assertEqual(code, self.code(client.post, EJECT))
            self.assertEqual(1, fake.count()['POST'])

    def test_messages_without_token(self) -> None:
        fake = self.simulate()
        client = self.client(fake, login='session')
        client.get(SYSTEM)
        (token,) = fake.sessions
        fake.faults['POST'] = replied(
            400, {'error': {'code': token, 'message': token}}
        )
        error = self.error(client.post, EJECT)
        self.assertEqual(['unknown'], error['message_ids'])
        self.assertNotIn(token, json.dumps(error))
