# SPDX-License-Identifier: Apache-2.0
"""Spans of OpenTelemetry."""

import threading

from opentelemetry import trace

from ironic_passthru import errors
from ironic_passthru.tests import base
from ironic_passthru.tests.unit.tracing import recorded
from ironic_passthru.tracing import spans

_TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'


class TestRecording(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.recorder = recorded.Recorder()
        self.tracer = self.recorder.tracer

    def test_a_span_of_another_process_is_the_parent(self) -> None:
        sent = {
            'traceparent': f'00-{_TRACE}-00f067aa0ba902b7-01',
            'tracestate': 'vendor=a',
        }
        with self.tracer.span('a', sent) as span:
            self.assertEqual(_TRACE, span.trace_id)
            self.assertEqual('vendor=a', span.headers['tracestate'])
            own = span.headers['traceparent']
        self.assertNotEqual(sent['traceparent'], own)
        self.assertEqual(
            0x00F067AA0BA902B7, self.recorder.spans['a'].parent.span_id
        )

    def test_a_span_that_is_not_sampled_passes_this_on(self) -> None:
        sent = {'traceparent': f'00-{_TRACE}-00f067aa0ba902b7-00'}
        with self.tracer.span('a', sent) as span, span.child('b') as child:
            self.assertRegex(child.headers['traceparent'], f'00-{_TRACE}-.*00')
        self.assertEqual({}, self.recorder.spans)

    def test_a_thread_continues_the_span(self) -> None:
        library = self.recorder.provider.get_tracer('library')

        def work() -> None:
            with (
                spans.current().child('below'),
                # As the instrumentation of a library of a vendor does.
                library.start_as_current_span('library'),
                spans.current().child('last'),
            ):
                pass

        with self.tracer.span('a', {}):
            bound = spans.current().bind(work)
        thread = threading.Thread(target=bound)
        thread.start()
        thread.join(30)
        self.assertEqual(
            {'a': None, 'below': 'a', 'library': 'below', 'last': 'library'},
            self.recorder.parents(),
        )
        self.assertIs(spans.NO_SPAN, spans.current())
        self.assertFalse(trace.get_current_span().get_span_context().is_valid)

    def test_errors_are_recorded_without_their_text(self) -> None:
        for error in (KeyError('hunter2'), errors.BusUnavailable()):
            name = type(error).__name__
            try:
                with self.tracer.span(name, {}):
                    raise error
            except (KeyError, errors.BusUnavailable):
                pass
        self.assertEqual(
            {'KeyError': 'KeyError', 'BusUnavailable': 'bus_unavailable'},
            {
                name: span.attributes['error.type']
                for name, span in self.recorder.spans.items()
            },
        )
        self.assertNotIn('hunter2', self.recorder.text())
