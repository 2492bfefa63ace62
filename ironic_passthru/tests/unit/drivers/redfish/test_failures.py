# SPDX-License-Identifier: Apache-2.0
"""Errors of a BMC as items of its target."""

import pathlib

from ironic_passthru.drivers.redfish import failures
from ironic_passthru.tests import base

ROOT = pathlib.Path(__file__).parents[5]


class ClassifyTest(base.TestCase):
    """Every failure has a code and a fixed message."""

    def test_statuses(self) -> None:
        self.assertIsNone(failures.for_status(204))
        for status, code in (
            (302, 'redirected'),
            (400, 'refused'),
            (401, 'access_denied'),
            (403, 'access_denied'),
            (404, 'not_found'),
            (405, 'refused'),
            (412, 'changed_meanwhile'),
            (428, 'precondition_required'),
            (500, 'bmc_error'),
            (503, 'bmc_error'),
        ):
            error = failures.for_status(status)
            item = failures.classify(error).item()
            self.assertEqual(code, item['error']['code'], status)
            self.assertTrue(item['reachable'])

    def test_whether_the_bmc_responded(self) -> None:
        for exc, reachable in (
            (failures.NotConnected(), False),
            (failures.Cut(), False),
            (failures.ChangeOutcomeUnknown(), False),
            (failures.ChangeOutcomeUnknown(task='/t'), True),
            (failures.NotSupported(), True),
        ):
            item = failures.classify(exc).item()
            self.assertIs(reachable, item['reachable'], exc)

    def test_messages_and_task(self) -> None:
        message = failures.BmcMessage('Base.1.0.InternalError', 'Text.')
        for kind, more in (
            (failures.TaskFailed, {'bmc_messages': ['Text.'], 'task': '/t'}),
            (failures.RejectedAfterAcceptance, {'bmc_messages': ['Text.']}),
            (failures.Rejected, {}),
        ):
            exc = kind(messages=[message], task=more.get('task'))
            error = failures.classify(exc).item()['error']
            error.pop('code')
            error.pop('message')
            self.assertEqual(
                {'message_ids': ['Base.1.0.InternalError'], **more}, error
            )

    def test_every_code_is_documented(self) -> None:
        page = ROOT / 'doc/source/drivers/redfish.rst'
        text = page.read_text()
        codes = {row.code for row in failures._TABLE.values()}
        codes.add(failures.NOT_ATTEMPTED.code)
        missing = {code for code in codes if f'\n``{code}`` ' not in text}
        self.assertEqual(set(), missing)
