# SPDX-License-Identifier: Apache-2.0
"""A Prometheus with the shipped alerts, accelerated."""

import collections.abc
import json
import os
import pathlib
import re
import subprocess
import urllib.request
from typing import Any
from urllib import parse

import fixtures

from ironic_passthru.tests.functional import console
from ironic_passthru.tests.functional import processes
from ironic_passthru.tests.functional import servers

RULES = console.ROOT / 'etc' / 'prometheus' / 'ironic-passthru.rules.yml'
DASHBOARD = console.ROOT / 'etc' / 'grafana' / 'ironic-passthru.json'

# Within seconds instead of minutes.
_ACCELERATED = (
    (r'for: \w+', 'for: 0s'),
    (r'\[\d+m\]', '[4s]'),
    (r'offset \d+m', 'offset 4s'),
    (r'> 60$', '> 3'),
    (r'> 300$', '> 1'),
)

_CONFIGURATION = """
global:
  scrape_interval: 500ms
  scrape_timeout: 500ms
  evaluation_interval: 500ms
rule_files:
  - {rules}
scrape_configs:
  - job_name: ironic-passthru-api
    static_configs:
      - targets: ['127.0.0.1:{api_port}']
  - job_name: ironic-passthru-conductor
    static_configs:
      - targets: ['127.0.0.1:{conductor_port}']
"""


class Prometheus(fixtures.Fixture):
    """A server that scrapes an API and a conductor.

    :param directory: directory of its files.
    :ivar url: its address.
    """

    def __init__(
        self, directory: pathlib.Path, *, api_port: int, conductor_port: int
    ) -> None:
        super().__init__()
        self._directory = directory
        self._ports = {'api_port': api_port, 'conductor_port': conductor_port}

    def _setUp(self) -> None:
        self._directory.mkdir()
        text = RULES.read_text()
        for pattern, replacement in _ACCELERATED:
            text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
        rules = self._directory / 'rules.yml'
        rules.write_text(text)
        config = self._directory / 'prometheus.yml'
        config.write_text(_CONFIGURATION.format(rules=rules, **self._ports))
        promtool('check', 'config', str(config))
        address = f'127.0.0.1:{self.useFixture(servers.ReservedPort()).port}'
        self.url = f'http://{address}'
        process = self.useFixture(
            processes.Process(
                [
                    processes.command('prometheus'),
                    f'--config.file={config}',
                    f'--storage.tsdb.path={self._directory / "data"}',
                    f'--web.listen-address={address}',
                ],
                environment=os.environ,
                log=self._directory / 'log',
            )
        )
        process.start()
        process.wait_for_log('Server is ready')

    def firing(self) -> set[str]:
        """Return the names of the alerts that fire."""
        return {
            alert['labels']['alertname']
            for alert in self._get('alerts')['alerts']
            if alert['state'] == 'firing'
        }

    def shows(self, expression: str) -> bool:
        """Return whether an expression of the dashboard has values."""
        # Grafana sets the variable.
        query = parse.quote(expression.replace('$__rate_interval', '1m'))
        return bool(self._get(f'query?query={query}')['result'])

    def healthy(self) -> bool:
        """Return whether all targets were scraped."""
        targets = self._get('targets')['activeTargets']
        return {target['health'] for target in targets} == {'up'}

    def _get(self, path: str) -> collections.abc.Mapping[str, Any]:
        with urllib.request.urlopen(f'{self.url}/api/v1/{path}') as response:
            return json.load(response)['data']


def promtool(*arguments: str) -> str:
    """Run promtool; return its output.

    :raises: processes.Failed with its output.
    """
    ended = subprocess.run(
        [processes.command('promtool'), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise processes.Failed(ended.stdout + ended.stderr)
    return ended.stdout
