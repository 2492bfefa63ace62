# SPDX-License-Identifier: Apache-2.0
"""Tests of transitions without values that a database may reject."""

import dataclasses

from ironic_passthru import operation
from ironic_passthru.tests import base

State = operation.State


class TestReduced(base.TestCase):
    """Each step removes one value and keeps the others."""

    def test_progress_then_targets_then_result(self) -> None:
        full = operation.Transition(
            'a',
            State.RUNNING,
            State.SUCCEEDED,
            result='[1]',
            progress=operation.Progress(70.0, 'message', ('b1',)),
        )
        found = full.reduced()
        self.assertEqual(
            operation.Progress(70.0, None, ('b1',)), found.progress
        )
        self.assertEqual('[1]', found.result)
        self.assertTrue(found.keeps_result)
        found = found.reduced()
        self.assertEqual(operation.Progress(70.0), found.progress)
        self.assertTrue(found.keeps_result)
        found = found.reduced()
        self.assertEqual(
            dataclasses.replace(
                full, progress=operation.Progress(70.0), keeps_result=False
            ),
            found,
        )
        self.assertEqual(found, found.reduced())

    def test_error_message(self) -> None:
        failed = operation.Transition(
            'a',
            State.RUNNING,
            State.FAILED,
            error=operation.Error('message', 409, 'conflict'),
            result='[1]',
        )
        found = failed.reduced()
        self.assertEqual(
            (failed.error, False), (found.error, found.keeps_result)
        )
        found = found.reduced()
        assert found.error is not None
        self.assertNotEqual('message', found.error.message)
        self.assertEqual(
            (409, 'conflict'), (found.error.status, found.error.code)
        )
        self.assertEqual(found, found.reduced())
