# SPDX-License-Identifier: Apache-2.0
"""The console in Chromium."""

import json
import re
from collections.abc import Iterable
from typing import Any
from wsgiref import types as wsgi_types

from playwright import sync_api

from ironic_passthru.httpd import server
from ironic_passthru.tests import embedded
from ironic_passthru.tests.functional import browser
from ironic_passthru.tests.functional import nested
from ironic_passthru.tests.functional import web

expect = sync_api.expect

_CHROMIUM = browser.Chromium()
_SERVICE = embedded.Embedded(
    drivers={'switch': nested.NestedVendor()},
    api__console=True,
    conductor__allowed_dangerous_methods=['fake-hardware.erase'],
)

_IDENTITY = 'http://127.0.0.1:9'


def setUpModule() -> None:
    _SERVICE.setUp()
    _CHROMIUM.setUp()


def tearDownModule() -> None:
    _CHROMIUM.cleanUp()
    _SERVICE.cleanUp()


class BrowserTestCase(browser.ConsoleTestCase):
    def setUp(self) -> None:
        self.browser = _CHROMIUM.browser
        self.service = _SERVICE
        super().setUp()


class TestCalls(BrowserTestCase):
    """From the list of drivers to a result."""

    def test_a_method_is_found_and_called(self) -> None:
        self.open()
        self.sees_heading('Drivers')
        self.page.get_by_role('link', name='fake-hardware').click()
        self.sees_heading('fake-hardware')
        self.picture('console-methods')
        self.fill('Search methods', 'FANS rack')
        expect(self.page.locator('.methods li:visible')).to_have_count(1)
        self.page.get_by_role('link', name='set_fans').click()
        # Keyboard and screen reader continue at the new view.
        expect(self.page.locator('h1')).to_be_focused()
        expect(self.page).to_have_title(re.compile('set_fans'))
        self.sees('A curve maps temperatures to speeds')
        self.click('{"mode":"manual","speed":70}')
        self.click('Call')
        self.sees('70', '.outcome')
        self.click('Show JSON')
        self.sees('"speed": 70', '.outcome pre')
        self.page.go_back()
        self.sees_heading('fake-hardware')

    def test_errors_are_shown_at_their_fields(self) -> None:
        self.open('drivers', 'switch', 'configure')
        self.click('Call')
        name = self.page.get_by_label('name (required)').first
        expect(name).to_have_attribute('aria-invalid', 'true')
        self.click('Example 1')
        expect(name).to_have_value('eth1')
        vlan = self.page.get_by_label('id (required)')
        vlan.fill('9999')
        self.click('Call')
        summary = self.page.get_by_role('alert').first
        expect(summary).to_be_focused()
        expect(summary).to_contain_text('port/vlans/0/id')
        expect(vlan).to_have_accessible_description(
            re.compile('1 to 4094.*must be at most 4094')
        )
        expect(name).not_to_have_attribute('aria-invalid', 'true')
        self.page.evaluate('window.scrollTo(0, 330)')
        self.picture('console-errors')
        summary.get_by_role('button').first.click()
        expect(vlan).to_be_focused()
        vlan.fill('12')
        self.page.get_by_label('position').select_option('rear')
        self.click('Call')
        self.sees('rear', '.outcome')
        # Digits beyond the precision of a number are kept.
        self.sees('12345678901234567890', '.outcome')
        expect(summary).to_have_count(0)

    def test_fields_of_every_shape(self) -> None:
        """The server receives what the form shows."""
        self.open('drivers', 'switch', 'configure')
        self.fill('name (required)', 'eth3')
        self.page.get_by_label('address: type').select_option('StaticAddress')
        self.page.get_by_label('address (required)').fill('10.0.0.1')
        self.click('Add to labels')
        self.fill('Name 1', 'rack')
        self.fill('Value 1', 'r1')
        self.page.get_by_label('limit: type').select_option('text')
        self.page.get_by_label('text', exact=True).fill('7')
        key = self.page.get_by_label('key', exact=True)
        expect(key).to_have_attribute('type', 'password')
        key.fill('hunter2')
        self.fill('since', '2026-11-30')
        self.fill('anything', '[1, {"a": null}]')
        self.page.get_by_label('enabled').uncheck()
        with self.page.expect_request('**/vendor_passthru?*') as sent:
            self.click('Call')
        self.assertEqual(
            {
                'port': {
                    'name': 'eth3',
                    'address': {'kind': 'static', 'address': '10.0.0.1'},
                },
                'labels': {'rack': 'r1'},
                'since': '2026-11-30',
                'limit': '7',
                'key': 'hunter2',
                'anything': [1, {'a': None}],
                'enabled': False,
            },
            sent.value.post_data_json,
        )
        self.sees('hunter2', '.outcome')

    def test_parameters_as_json(self) -> None:
        self.open('drivers', 'switch', 'configure')
        self.click('Example 1')
        self.page.get_by_label('JSON', exact=True).check()
        editor = self.page.get_by_label('Parameters as JSON')
        text = editor.input_value()
        editor.fill(text.replace('"id": 7', '"id": 0'))
        self.click('Call')
        entry = self.page.get_by_role('button', name='port/vlans/0/id')
        entry.click()
        selected = editor.evaluate(
            'e => e.value.slice(e.selectionStart, e.selectionEnd)'
        )
        self.assertEqual('"id"', selected)
        editor.fill('{')
        self.click('Call')
        self.sees('is not valid: Expecting', '.error-panel')
        self.page.get_by_label('Form', exact=True).click()
        self.sees('Cannot switch', '.error-panel')
        editor.fill(text)
        self.page.get_by_label('Form', exact=True).check()
        expect(self.page.get_by_label('id (required)')).to_have_value('7')

    def test_parameters_of_get(self) -> None:
        self.open('drivers', 'fake-hardware', 'hello')
        self.fill('name', 'a & b')
        self.click('Call')
        self.sees('Hello, a & b!', '.outcome')

    def test_attachments(self) -> None:
        self.open('drivers', 'fake-hardware', 'event_log')
        self.fill('lines', '2')
        self.click('Call')
        link = self.page.get_by_role('link', name='Download event_log.txt')
        with self.page.expect_download() as download:
            link.click()
        with open(download.value.path(), encoding='utf-8') as file:
            self.assertEqual('0 fan 0 ok\n1 fan 1 ok\n', file.read())
        self.open('drivers', 'fake-hardware', 'screenshot')
        self.click('Call')
        self.sees('Download console.gif', '.outcome')

    def test_a_table_of_many_servers(self) -> None:
        self.open('drivers', 'switch', 'read_health')
        self.page.get_by_label('JSON', exact=True).check()
        names = [f'bmc{number}' for number in range(150)]
        self.page.get_by_label('Parameters as JSON').fill(
            json.dumps({'bmcs': names})
        )
        self.click('Call')
        rows = self.page.locator('.outcome tbody tr')
        expect(rows).to_have_count(100)
        expect(rows.nth(1)).to_have_text('bmc1falsenull')
        self.click('Show more (100 of 150 shown)')
        expect(rows).to_have_count(150)
        self.assert_accessible(self.page)

    def test_markup_is_shown_as_text(self) -> None:
        dialogs: list[Any] = []
        self.page.on('dialog', lambda dialog: dialogs.append(dialog))
        self.open('drivers', 'switch', 'hostile')
        self.sees('Return <b>markup</b> as data')
        self.click('Call')
        self.sees('<img src=x onerror=alert(1)>', '.outcome')
        self.fill('name', '<b>')
        self.click('Call')
        self.sees('<script>alert(2)</script> <b>', '.error-panel')
        self.assertEqual([], dialogs)

    def test_a_large_result(self) -> None:
        self.open('drivers', 'switch', 'large')
        self.click('Call')
        self.sees('100000 of 2000000 characters shown', '.outcome')
        expect(self.page.locator('.outcome .json-list > li')).to_have_count(
            200
        )
        self.click('Show JSON')
        self.sees('Download all', '.outcome pre')
        self.assertLess(
            self.page.locator('.outcome').evaluate('e => e.innerText.length'),
            300_000,
        )

    def test_schemas_that_contain_themselves(self) -> None:
        self.open('drivers', 'switch', 'recursive')
        self.page.get_by_label('tree: type').select_option('integer')
        self.page.get_by_label('integer', exact=True).fill('7')
        self.page.get_by_label('loop: type').select_option('Loop')
        expect(self.page.get_by_label('more 20').first).to_be_visible()
        self.page.get_by_label('loop: type').select_option('')
        self.click('Call')
        self.sees('7', '.outcome')

    def test_names_of_the_language(self) -> None:
        self.open('drivers', 'switch', 'names')
        self.fill('__proto__', '5')
        self.click('Call')
        rows = self.page.locator('.outcome tbody tr')
        expect(rows.nth(0)).to_contain_text('5')
        expect(rows.nth(1)).to_have_text('21')

    def test_a_dangerous_method_asks_first(self) -> None:
        self.open('drivers', 'fake-hardware', 'erase')
        self.fill('bmc', '10.0.0.7')
        self.click('Call')
        dialog = self.page.get_by_role('dialog')
        confirm = dialog.get_by_role('button', name='Call erase')
        expect(confirm).to_be_disabled()
        dialog.get_by_label('Type 10.0.0.7 to confirm').fill('10.0.0.8')
        expect(confirm).to_be_disabled()
        self.assert_accessible(self.page)
        dialog.get_by_role('button', name='Cancel').click()
        self.assertEqual('', self.page.locator('.outcome').inner_text())
        self.click('Call')
        dialog.get_by_label('Type 10.0.0.7 to confirm').fill('10.0.0.7')
        self.picture('console-confirm')
        confirm.click()
        self.sees('erased', '.outcome')

    def test_a_repetition_runs_once(self) -> None:
        """Neither a double click nor a lost response calls twice."""
        lost = []

        def lose_the_first(route: sync_api.Route) -> None:
            response = route.fetch()
            lost.append(route.request.headers['idempotency-key'])
            if len(lost) == 1:
                route.abort()
            elif len(lost) == 2:
                # Of a proxy, which has lost the response.
                route.fulfill(status=502, body='<html>')
            elif len(lost) == 3:
                route.fulfill(status=200, body='<html>')
            else:
                route.fulfill(response=response)

        self.open('drivers', 'switch', 'count')
        start = nested.COUNT.value
        self.page.get_by_role('button', name='Call').dblclick()
        self.sees('count', '.outcome')
        self.assertEqual(start + 1, nested.COUNT.value)
        with self.expected_problem('net::ERR_FAILED'):
            self.page.route('**/vendor_passthru?*', lose_the_first)
            self.click('Call')
            self.sees('The outcome of the call is unknown', '.error-panel')
        self.click('Call')
        self.sees('502', '.error-panel h2')
        self.click('Call')
        self.sees('is not JSON', '.error-panel')
        self.click('Call')
        self.sees(str(start + 2), '.outcome')
        self.assertEqual(start + 2, nested.COUNT.value)
        self.assertEqual(lost[:1] * 4, lost)
        self.click('Call')
        self.sees(str(start + 3), '.outcome')


class TestOperations(BrowserTestCase):
    """Asynchronous calls."""

    def start(self, slots: int, seconds: float) -> None:
        self.open('drivers', 'fake-hardware', 'inspect_rack')
        self.fill('slots', str(slots))
        self.fill('seconds_per_slot', str(seconds))
        self.click('Call')
        self.sees('running', '.operation .badge')

    def test_a_long_one_to_its_end(self) -> None:
        self.start(8, 0.25)
        bar = self.page.get_by_role('progressbar')
        expect(bar).to_have_attribute('value', re.compile('[1-9]'))
        self.sees('slot', '.progress-text')
        self.picture('console')
        self.sees('succeeded', '.operation .badge')
        self.sees('empty', '.operation .result')
        self.sees('r1', '.operation .facts')
        self.assert_accessible(self.page)
        self.page.get_by_role('link', name=re.compile('^operation ')).click()
        self.sees_heading('inspect_rack')
        self.sees('100 %', '.progress-text')

    def test_one_is_cancelled_in_the_list(self) -> None:
        self.start(1000, 0.1)
        self.page.get_by_role('link', name='Operations', exact=True).click()
        self.sees_heading('Operations')
        self.page.get_by_label('State').select_option('queued or running')
        self.click('Filter')
        row = self.page.locator('tbody tr').first
        expect(row).to_contain_text('inspect_rack')
        bar = row.get_by_role('progressbar')
        before = float(bar.get_attribute('value') or 0)
        self.wait_for(
            lambda: float(bar.get_attribute('value') or 0) > before,
            'progress',
        )
        self.assert_accessible(self.page)
        row.get_by_role('button', name='Cancel').click()
        # The filter does not select it any more.
        self.sees('There are no operations')
        self.page.get_by_label('State').select_option('cancelled')
        self.click('Filter')
        expect(self.page.locator('tbody tr')).to_have_count(1)
        self.picture('console-operations')
        self.fill('Method', 'hello')
        self.click('Filter')
        self.sees('There are no operations')
        self.page.get_by_label('State').select_option('')
        for label, value, name in (
            ('Target', '10.9.9.9', 'target=10.9.9.9'),
            ('Created before', '2001-02-03T04:05', 'created_before=2001-02-0'),
            ('Created after', '2999-01-01T00:00', 'created_after=2'),
        ):
            self.fill(label, value)
            with self.page.expect_request(f'**/v1/operations?*{name}*'):
                self.click('Filter')
            field = self.page.get_by_label(label)
            expect(field).to_have_value(value)
            self.sees('There are no operations')
            field.fill('')
        self.fill('Method', 'inspect_rack')
        self.fill('Created after', '2001-02-03T04:05')
        self.click('Filter')
        expect(self.page.locator('tbody tr').first).to_be_visible()

    def test_a_synchronous_method_in_the_background(self) -> None:
        self.open('drivers', 'fake-hardware', 'event_log')
        self.page.get_by_label('Run in the background').check()
        self.click('Call')
        self.sees('Download event_log.txt', '.operation')

    def test_the_operation_cannot_be_read_at_first(self) -> None:
        """The service restarts after it has accepted the call."""
        failures = [None, 503, 502]

        def fail(route: sync_api.Route) -> None:
            if not failures:
                route.continue_()
            elif status := failures.pop():
                route.fulfill(status=status, body='<html>')
            else:
                route.abort()

        self.open('drivers', 'fake-hardware', 'no_op_async')
        with self.expected_problem('net::ERR_FAILED'):
            self.page.route('**/v1/operations/*', fail)
            self.click('Call')
            self.sees('succeeded', '.operation')
            self.page.unroute('**/v1/operations/*')
            failures += [None, 502]
            self.page.route('**/v1/operations/*/result', fail)
            self.page.get_by_role('link', name=re.compile('^oper')).click()
            self.sees('null', '.operation .result')

    def test_a_failure(self) -> None:
        self.open('drivers', 'fake-hardware', 'crash_later')
        self.click('Call')
        self.sees('500', '.operation .error-panel')
        self.sees('req-', '.operation .error-panel')


class TestViews(BrowserTestCase):
    """All views, in both color schemes and from 360 pixels."""

    VIEWS = {
        'drivers': 'Drivers',
        'drivers/fake-hardware': 'fake-hardware',
        'drivers/switch/configure': 'configure',
        'operations': 'Operations',
        'conductors': 'Conductors',
        'health': 'Health',
        'operations/unknown': '',
    }

    def test_accessibility(self) -> None:
        for scheme, width in (('light', 1100), ('dark', 360)):
            page = self.new_page(
                color_scheme=scheme, viewport={'width': width, 'height': 700}
            )
            page.goto(f'{self.service.url}/console/')
            self.sees_heading('Drivers', page)
            for path, title in self.VIEWS.items():
                page.evaluate('path => { location.hash = path }', f'#/{path}')
                if title:
                    self.sees_heading(title, page)
                else:
                    expect(page.get_by_role('alert')).to_be_visible()
                if 'configure' in path:
                    page.get_by_role('button', name='Example 1').click()
                    page.get_by_role('button', name='Call').click()
                    expect(page.locator('.outcome table')).to_be_visible()
                # Both schemes have the same elements.
                self.assert_accessible(
                    page, *(['color-contrast'] if scheme == 'light' else [])
                )
                if path == 'drivers/fake-hardware' and scheme == 'dark':
                    self.page, before = page, self.page
                    self.picture('console-phone')
                    self.page = before

    def test_conductors_and_health(self) -> None:
        self.open('conductors')
        self.sees('embedded')
        self.sees('alive')
        self.open('health')
        self.sees('database')
        expect(self.page.get_by_text('not healthy')).to_have_count(0)

    def test_the_keyboard_suffices(self) -> None:
        self.open('drivers')
        self.page.keyboard.press('Tab')
        self.page.keyboard.press('Enter')
        expect(self.page.locator('h1')).to_be_focused()
        self.page.keyboard.press('Tab')
        self.page.keyboard.press('Enter')
        self.sees_heading('fake-hardware')
        self.page.get_by_role('link', name='hello').focus()
        self.page.keyboard.press('Enter')
        self.sees_heading('hello')
        self.page.get_by_label('name').focus()
        self.page.keyboard.type('keys')
        self.page.keyboard.press('Enter')
        self.sees('Hello, keys!', '.outcome')

    def test_older_operations(self) -> None:
        for _ in range(51):
            web.Client(self.service.url).call('no_op_async', 'POST')
        self.open('operations')
        self.page.get_by_role('link', name='Older').click()
        expect(self.page.get_by_role('link', name='Newest')).to_be_visible()
        expect(self.page.locator('tbody tr').first).to_be_visible()

    def test_violations_of_the_policy_are_seen(self) -> None:
        self.open('drivers')
        with self.expected_problem('Content Security Policy'):
            self.page.evaluate(
                'document.body.setAttribute("style", "color: red")'
            )

    def test_below_a_prefix(self) -> None:
        """As with WSGIScriptAlias of Apache."""

        def mounted(
            environ: wsgi_types.WSGIEnvironment,
            start_response: wsgi_types.StartResponse,
        ) -> Iterable[bytes]:
            prefix, path = '/baremetal', environ['PATH_INFO']
            self.assertTrue(path.startswith(prefix), path)
            environ['SCRIPT_NAME'] = prefix
            environ['PATH_INFO'] = path.removeprefix(prefix)
            return self.service.application(environ, start_response)

        http = server.HTTPServer(self.service.conf, mounted)
        http.bind()
        http.start()
        self.addCleanup(http.stop)
        self.page.goto(f'{http.url}/baremetal/console')
        self.sees_heading('Drivers')
        self.assertEqual(f'{http.url}/baremetal/console/', self.page.url)
        self.open('drivers', 'fake-hardware', 'no_op_async',
                  url=f'{http.url}/baremetal/console/')  # fmt: skip
        self.click('Call')
        self.sees('succeeded', '.operation')


class TestLogin(BrowserTestCase):
    """Credentials, which only the memory of the page keeps."""

    def start(self, config: str = '', **options: object) -> None:
        self.service = self.useFixture(
            embedded.Embedded(config=config, api__console=True, **options)
        )

    def storage(self) -> list[Any]:
        """Return all that the browser would keep."""
        return [
            *self.page.context.cookies(),
            self.page.evaluate('[localStorage.length, sessionStorage.length]'),
        ]

    def test_a_password(self) -> None:
        path = self.useFixture(browser.PasswordFile('admin', 'swordfish')).path
        self.start(
            auth_strategy='http_basic', http_basic_auth_user_file=str(path)
        )
        self.open()
        dialog = self.page.get_by_role('dialog', name='Log in')
        expect(dialog.get_by_label('User name')).to_be_focused()
        self.assert_accessible(self.page)
        for password in ('wrong', 'swordfish'):
            self.fill('User name', 'admin')
            self.fill('Password', password)
            if password == 'wrong':
                self.click('Log in')
                self.sees('did not accept', 'dialog')
        self.page.keyboard.press('Escape')
        self.click('Log in')
        self.sees_heading('Drivers')
        expect(dialog).to_have_count(0)
        self.assertEqual([[0, 0]], self.storage())
        self.open('drivers', 'fake-hardware', 'hello')
        self.click('Call')
        self.sees('Hello', '.outcome')
        self.click('Log out')
        expect(dialog).to_be_visible()

    def identity(self, route: sync_api.Route) -> None:
        """Respond like the Identity service, with CORS."""
        allowed = {
            'Access-Control-Allow-Origin': '*',
            'Access-Control-Allow-Headers': 'content-type',
            'Access-Control-Expose-Headers': 'X-Subject-Token',
        }
        self.identified.append(route.request.post_data_json)
        route.fulfill(
            status=201, headers=allowed | {'X-Subject-Token': 'obtained'}
        )

    def api(self, route: sync_api.Route) -> None:
        """Accept one token: there is no Identity service to validate it."""
        if route.request.headers.get('x-auth-token') in ('pasted', 'obtained'):
            route.fulfill(json={'drivers': []})
        else:
            route.continue_()

    def test_tokens(self) -> None:
        group = (
            '[keystone_authtoken]\nauth_type = password\n'
            f'auth_url = {_IDENTITY}\nusername = service\npassword = secret\n'
        )
        self.start(group, auth_strategy='keystone')
        self.identified: list[Any] = []
        self.page.route('**/v1/drivers', self.api)
        self.open()
        self.sees(_IDENTITY, 'dialog')
        # Nothing listens there.
        with self.expected_problem('ERR_'):
            self.fill('User name', 'alice')
            self.fill('Password', 'swordfish')
            self.click('Log in')
            self.sees('Obtain a token with the command', 'dialog')
        self.page.route(f'{_IDENTITY}/**', self.identity)
        self.fill('Project', 'team')
        self.click('Log in')
        self.sees('alice', '#identity')
        auth = self.identified[-1]['auth']
        user = auth['identity']['password']['user']
        self.assertEqual(
            ('alice', 'swordfish'), (user['name'], user['password'])
        )
        self.assertEqual('team', auth['scope']['project']['name'])
        self.click('Log out')
        self.fill('Token', 'pasted')
        self.click('Log in')
        self.sees('No conductor has published a driver')
        self.assertEqual([[0, 0]], self.storage())
