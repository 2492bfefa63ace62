# SPDX-License-Identifier: Apache-2.0
"""Names of metrics, and their uses in pages, alerts and the dashboard."""

import json
import pathlib
import re

from ironic_passthru.metrics import definitions
from ironic_passthru.tests import base

ROOT = pathlib.Path(__file__).parents[4]
_PAGE = ROOT / 'doc/source/admin/metrics.rst'
_RULES = ROOT / 'etc/prometheus/ironic-passthru.rules.yml'
_DASHBOARD = ROOT / 'etc/grafana/ironic-passthru.json'

_USED = re.compile(r'ironic_passthru_\w+')
_ROW = re.compile(
    r'\* - ``(ironic_passthru_\w+)``\n +- (\w+)\n +-(.*)\n'
    r' +- ((?:.+\n)+?)(?= +\* -|\n)'
)


def _samples() -> set[str]:
    """Return the names of all samples."""
    found = set()
    for one in definitions.ALL:
        suffixes = ('',)
        if one.kind is definitions.MetricKind.HISTOGRAM:
            suffixes = ('_bucket', '_sum', '_count')
        found.update(one.full_name + suffix for suffix in suffixes)
    return found


class TestDefinitions(base.TestCase):
    def test_the_page_lists_all(self) -> None:
        rows = {
            (name, kind, labels.strip(), ' '.join(text.split()))
            for name, kind, labels, text in _ROW.findall(_PAGE.read_text())
        }
        wanted = {
            (
                one.full_name,
                one.kind.value,
                ', '.join(f'``{label}``' for label in one.labels),
                one.help,
            )
            for one in definitions.ALL
        }
        self.assertEqual(wanted, rows)

    def test_the_page_lists_the_alerts(self) -> None:
        alerts = set(re.findall(r'alert: (\w+)', _RULES.read_text()))
        rows = re.findall(r'\* - ``(Ironic\w+)``', _PAGE.read_text())
        self.assertEqual(alerts, set(rows))

    def test_alerts_use_existing_metrics(self) -> None:
        used = set(_USED.findall(_RULES.read_text()))
        self.assertEqual(set(), used - _samples())

    def test_the_dashboard_shows_every_metric(self) -> None:
        panels = json.loads(_DASHBOARD.read_text())['panels']
        expressions = ' '.join(
            target['expr'] for panel in panels for target in panel['targets']
        )
        used = set(_USED.findall(expressions))
        self.assertEqual(set(), used - _samples())
        missing = {
            one.full_name
            for one in definitions.ALL
            if not any(name.startswith(one.full_name) for name in used)
        }
        self.assertEqual(set(), missing)

    def test_names_follow_the_conventions(self) -> None:
        for one in definitions.ALL:
            with self.subTest(metric=one.name):
                self.assertEqual(
                    one.kind is definitions.MetricKind.COUNTER,
                    one.name.endswith('_total'),
                )
                self.assertTrue(one.help.endswith('.'))
