# SPDX-License-Identifier: Apache-2.0
"""The OpenAPI document, as tools for it use it."""

import os
import pathlib
import subprocess

import bcrypt
import fixtures

from ironic_passthru.tests import base
from ironic_passthru.tests import embedded
from ironic_passthru.tests.functional import processes

CONFIG = pathlib.Path(__file__).parents[3] / 'tools/schemathesis.toml'

# Requests of each operation at random; ``tox -e long`` sets more.
_EXAMPLES = os.environ.get('PASSTHRU_OPENAPI_EXAMPLES', '2')
_PHASES = os.environ.get(
    'PASSTHRU_OPENAPI_PHASES', 'examples,coverage,fuzzing'
)
_SECONDS = 110 * int(_EXAMPLES)

_PASSWORD = 'schemathesis'


class TestSchemathesis(base.TestCase):
    """Requests that schemathesis makes of the document.

    The service checks its responses, too: see ``tests/reference.py``.
    """

    def setUp(self) -> None:
        super().setUp()
        self.directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        file = self.directory / 'htpasswd'
        digest = bcrypt.hashpw(_PASSWORD.encode(), bcrypt.gensalt(4, b'2b'))
        file.write_text(f'admin:{digest.decode()}\n')
        file.chmod(0o600)
        self.service = self.useFixture(
            embedded.Embedded(
                auth_strategy='http_basic',
                http_basic_auth_user_file=str(file),
                http_basic_roles={'admin': 'admin'},
                conductor__allowed_dangerous_methods=['*'],
            )
        )

    def test_no_findings(self) -> None:
        done = subprocess.run(
            [
                processes.command('schemathesis'),
                f'--config-file={CONFIG}',
                'run',
                f'{self.service.url}/v1/openapi.json',
                f'--auth=admin:{_PASSWORD}',
                '--seed=1',
                f'--max-examples={_EXAMPLES}',
                f'--phases={_PHASES}',
                '--no-shrink',
                '--no-color',
                '--suppress-health-check=all',
            ],
            cwd=self.directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        self.assertEqual(0, done.returncode, done.stdout)
