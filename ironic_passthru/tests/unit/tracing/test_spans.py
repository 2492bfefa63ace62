# SPDX-License-Identifier: Apache-2.0
"""Spans that record nothing, and headers of spans."""

import pathlib
import re

from ironic_passthru.tests import base
from ironic_passthru.tracing import spans

_PACKAGE = pathlib.Path(__file__).parents[3]
_TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
_PARENT = f'00-{_TRACE}-00f067aa0ba902b7-01'

# They are imported when a collector is configured.
_RECORDING = ('tracing/recording.py', 'tracing/exporting.py')
_IMPORT = re.compile(
    r'^(from|import) (opentelemetry|.*import (recording|exporting)$)', re.M
)


class TestSpans(base.TestCase):
    def test_a_span_that_records_nothing(self) -> None:
        with spans.NO_TRACER.span('a', {'traceparent': _PARENT}) as span:
            with span.child('b') as child:
                child.set({'c': 1})
            self.assertEqual(('', {}), (span.trace_id, span.headers))
            self.assertIs(print, spans.current().bind(print))

    def test_nothing_imports_opentelemetry_before_it_is_needed(self) -> None:
        for path in _PACKAGE.rglob('*.py'):
            name = str(path.relative_to(_PACKAGE))
            if name.startswith('tests/') or name in _RECORDING:
                continue
            self.assertNotRegex(path.read_text(), _IMPORT, name)

    def test_valid_headers(self) -> None:
        for sent in (
            {'traceparent': _PARENT},
            {'traceparent': _PARENT, 'tracestate': 'vendor=a,other=b'},
            # A later version.
            {'traceparent': f'01{_PARENT[2:]}-more'},
        ):
            self.assertEqual(sent, spans.valid_headers(sent))
            self.assertEqual(_TRACE, spans.trace_id(sent))

    def test_invalid_headers(self) -> None:
        for parent in (
            None,
            7,
            '',
            'x' * 100_000,
            _PARENT + '\n',
            _PARENT.upper(),
            f'{_PARENT}-more',
            _PARENT.replace('00-4', 'ff-4'),
            f'00-{"0" * 32}-00f067aa0ba902b7-01',
            f'00-{_TRACE}-{"0" * 16}-01',
        ):
            sent = {'traceparent': parent, 'tracestate': 'vendor=a'}
            self.assertEqual({}, spans.valid_headers(sent), parent)
        many = ','.join(f'k{number}=v' for number in range(33))
        for state in (None, 7, '', 'a' * 513, 'a=\n', many):
            self.assertEqual(
                {'traceparent': _PARENT},
                spans.valid_headers(
                    {'traceparent': _PARENT, 'tracestate': state}
                ),
            )
