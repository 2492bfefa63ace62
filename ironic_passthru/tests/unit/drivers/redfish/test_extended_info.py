# SPDX-License-Identifier: Apache-2.0
"""Messages of a BMC that reject a change, or explain a rejection."""

import time
from typing import Any

from ironic_passthru.drivers.redfish import extended_info
from ironic_passthru.tests import base

INFO = '@Message.ExtendedInfo'


def message(
    severity: str | None = 'Warning',
    name: str = 'Base.1.8.PropertyNotWritable',
    **more: Any,
) -> dict[str, Any]:
    return {'MessageId': name, 'Severity': severity, **more}


class RejectionTest(base.TestCase):
    """Messages in responses with a status of success."""

    def setUp(self) -> None:
        super().setUp()
        self.reader = extended_info.MessageReader(['hunter2-secret'])

    def rejected(self, document: Any, changed: Any = None) -> bool:
        return bool(self.reader.rejections(document, changed))

    def test_severities(self) -> None:
        for one, expected in (
            (message('Warning'), True),
            (message('Critical'), True),
            (message('OK'), False),
            (message('ok'), False),
            (message(None), True),
            (message(None, 'iLO.2.14.ResetInProgress'), False),
            (message('Informational', 'IDRAC.2.15.SYS413'), False),
            (message('OK', MessageSeverity='Critical'), True),
            (message('Warning', 'iLO.2.8.SystemResetRequired'), False),
            (message('Warning', 'Base.1.8.Success'), False),
        ):
            self.assertEqual(expected, self.rejected({INFO: [one]}), one)
            self.assertEqual(expected, self.rejected({INFO: one}), one)

    def test_messages_of_a_task(self) -> None:
        for severity, expected in (('Critical', True), ('Warning', False)):
            document = {'Messages': [message(severity)]}
            self.assertEqual(expected, self.rejected(document), severity)

    def test_errors(self) -> None:
        for error, expected in (
            ({'code': 'Base.1.0.GeneralError'}, True),
            ({'code': 'Base.1.0.Success'}, False),
            ({'code': 'x', INFO: [message(None, 'Base.1.4.Success')]}, False),
            ({'code': 'x', INFO: [message(None)]}, True),
            ({'code': 'x', INFO: [message('OK')]}, False),
            (
                {
                    'code': 'iLO.0.10.ExtendedInfo',
                    INFO: [{'MessageID': 'Base.0.10.Success'}],
                },
                False,
            ),
            ({INFO: [{'MessageId': 'iLO.2.14.ResetInProgress'}]}, False),
            ('odd', True),
            (None, False),
        ):
            self.assertEqual(expected, self.rejected({'error': error}), error)

    def test_properties(self) -> None:
        changed = {'Boot': {'Target': 'Pxe'}, 'LED': 'Lit'}
        for related, expected in (
            (None, True),
            ([], True),
            (['#/LED'], True),
            (['/Boot/Target'], True),
            (['#/Boot'], True),
            (['#/Boot/Mode'], False),
            (['#/AssetTag'], False),
            ([''], True),
            (['/redfish/v1/Systems/1#/LED'], True),
            (['#/AssetTag', '#/LED'], True),
        ):
            one = message(RelatedProperties=related)
            self.assertEqual(
                expected, self.rejected({INFO: [one]}, changed), related
            )
        one = message(RelatedProperties=['#/AssetTag'])
        self.assertTrue(self.rejected({INFO: [one]}))
        self.assertTrue(self.rejected({f'LED{INFO}': [message()]}, changed))
        self.assertFalse(self.rejected({f'Tag{INFO}': [message()]}, changed))

    def test_many_pointers_and_properties(self) -> None:
        changed = {'Attributes': {f'Number{n}': n for n in range(1000)}}
        one = message(RelatedProperties=['#/Attributes/Other'] * 2000)
        began = time.monotonic()
        self.assertFalse(self.rejected({INFO: [one]}, changed))
        self.assertLess(time.monotonic() - began, 2.0)

    def test_odd_documents(self) -> None:
        for document in (
            {},
            {INFO: None},
            {INFO: {}},
            {INFO: [None, 'x', 7]},
            {'error': {'code': 'Base.1.0.Success', INFO: [7]}},
        ):
            self.assertFalse(self.rejected(document), document)


class TextTest(base.TestCase):
    """Identifiers and texts without secrets and control characters."""

    def test_cleaning(self) -> None:
        reader = extended_info.MessageReader(['hunter2-secret'])
        messages = [
            message(Message='login hunter2-secret\x1b failed'),
            message(name='hunter2-secret'),
            message(name='a b'),
            *[message(name=f'Base.{number}') for number in range(20)],
        ]
        found = reader.all_of({'error': {INFO: messages}})
        self.assertEqual(10, len(found) + 1)  # two unknown ones are equal
        self.assertEqual('login *** failed', found[0].text)
        self.assertEqual('unknown', found[1].message_id)
        self.assertNotIn('hunter2', str(found))
        reader.add_secret('token-1')
        found = reader.all_of({'error': {'message': 'a token-1 b'}})
        self.assertEqual('a *** b', found[0].text)
