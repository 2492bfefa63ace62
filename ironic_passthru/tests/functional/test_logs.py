# SPDX-License-Identifier: Apache-2.0
"""Log records of one request, compared with the sample in the page.

WRITE_LOG_SAMPLE=1 in the environment rewrites the sample.
"""

import os
import re

from ironic_passthru.tests.functional import console
from ironic_passthru.tests.functional import test_commands
from ironic_passthru.tests.functional import web

SAMPLE = console.ROOT / 'doc/source/admin/samples/log.txt'
WRITE = 'WRITE_LOG_SAMPLE'

GLOBAL_ID = 'req-11111111-2222-3333-4444-555555555555'

# Different in each run.
_CHANGING = (
    (re.compile(r'\d{4}-\d\d-\d\d[T ][\d:.+]+'), 'TIME'),
    (re.compile(r'(?<=TIME )\d+'), 'PID'),
    (re.compile(r'duration=[\d.]+'), 'duration=SECONDS'),
)


def stable(text: str, request_id: str) -> str:
    """Return log lines without values that differ in each run."""
    text = text.replace(request_id, 'ID')
    for pattern, name in _CHANGING:
        text = pattern.sub(name, text)
    return text


class TestOneRequest(test_commands.CommandTestCase):
    """A call of a method that fails unexpectedly."""

    def test_its_id_leads_to_its_lines(self) -> None:
        port = self.free_port()
        process = self.start(
            test_commands.ALL_IN_ONE,
            *self.config(api__port=port, host='conductor1'),
        )
        process.wait_for_log('curl ')
        answer = web.Client(f'http://127.0.0.1:{port}').request(
            'POST',
            '/v1/drivers/fake-hardware/vendor_passthru?method=crash',
            headers={'X-Openstack-Request-Id': GLOBAL_ID},
        )
        self.assertEqual(500, answer.status)
        self.assertIn(answer.request_id, answer.fault)
        process.wait_for_log('ironic_passthru.audit')
        lines = [
            line
            for line in process.log().splitlines(keepends=True)
            if answer.request_id in line
        ]
        # The API logs the call last, after the conductor.
        text = ''.join(sorted(lines, key=lambda line: 'audit' not in line))
        for line in lines:
            self.assertIn(GLOBAL_ID, line)
        if os.environ.get(WRITE):
            SAMPLE.write_text(text)
        shown = SAMPLE.read_text()
        found = re.search(r'request_id="([^"]+)"', shown)
        assert found
        self.assertEqual(
            stable(shown, found[1]),
            stable(text, answer.request_id),
            f'the sample is not current; {WRITE}=1 writes it anew',
        )
