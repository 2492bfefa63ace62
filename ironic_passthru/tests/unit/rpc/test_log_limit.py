# SPDX-License-Identifier: Apache-2.0
"""Limits of records with the same format."""

import logging

import fixtures

from ironic_passthru.rpc import log_limit
from ironic_passthru.tests import base


class TestLimit(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(
            fixtures.FakeLogger(level=logging.DEBUG, nuke_handlers=True)
        )
        self.now = 1000.0
        self.logger = logging.getLogger('flooded')
        limit = log_limit.LogLimit(now=lambda: self.now)
        self.logger.addFilter(limit)
        self.addCleanup(self.logger.removeFilter, limit)

    def lines(self) -> list[str]:
        return self.log.output.splitlines()

    def flood(self, text: str, count: int) -> None:
        for number in range(count):
            self.logger.warning(text, number)

    def test_each_format_has_its_own_limit(self) -> None:
        self.flood('one %s', log_limit.MAX_RECORDS + 7)
        self.assertEqual(log_limit.MAX_RECORDS, len(self.lines()))
        self.flood('two %s', 1)
        self.assertEqual('two 0', self.lines()[-1])

    def test_the_next_period_states_the_number(self) -> None:
        self.flood('one %s', log_limit.MAX_RECORDS + 7)
        self.now += 61.0
        self.flood('one %s', 2)
        self.assertEqual(
            ['one 0 (7 similar records were suppressed)', 'one 1'],
            self.lines()[-2:],
        )
        self.now += 61.0
        self.flood('one %s', 1)
        self.assertEqual('one 0', self.lines()[-1])

    def test_debug_records_are_not_limited(self) -> None:
        for _ in range(3 * log_limit.MAX_RECORDS):
            self.logger.debug('detail')
        self.assertEqual(3 * log_limit.MAX_RECORDS, len(self.lines()))
