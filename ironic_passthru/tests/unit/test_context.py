# SPDX-License-Identifier: Apache-2.0
"""Tests of the request context."""

import threading
from collections.abc import Iterable
from typing import Any

from oslo_context import context as oslo_context

from ironic_passthru import context
from ironic_passthru.tests import base
from ironic_passthru.tests.unit.tracing import recorded


class TestContext(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        context.clear_current()
        self.addCleanup(context.clear_current)

    def test_current_only_in_its_thread(self) -> None:
        made = context.RequestContext(request_id='req-1')
        self.assertIs(made, oslo_context.get_current())
        others: list[Any] = []
        thread = threading.Thread(
            target=lambda: others.append(oslo_context.get_current())
        )
        thread.start()
        thread.join(10)
        self.assertEqual([None], others)

    def test_clear_current(self) -> None:
        context.RequestContext(request_id='req-1')
        context.clear_current()
        self.assertIsNone(oslo_context.get_current())
        context.clear_current()

    def test_from_bus(self) -> None:
        sent = context.RequestContext(
            request_id='req-1', user_id='u', roles=['admin']
        )
        context.clear_current()
        rebuilt = context.RequestContext.from_bus(sent.to_dict())
        self.assertIsInstance(rebuilt, context.RequestContext)
        self.assertEqual(sent.to_dict(), rebuilt.to_dict())
        self.assertIs(rebuilt, oslo_context.get_current())

    def test_trace(self) -> None:
        trace = '4bf92f3577b34da6a3ce929d0e0e4736'
        parent = f'00-{trace}-00f067aa0ba902b7-01'
        sent = {'request_id': 'req-1', 'traceparent': parent}
        rebuilt = context.RequestContext.from_bus(sent)
        self.assertEqual(trace, rebuilt.get_logging_values()['trace_id'])
        converted = rebuilt.convert(context.RequestContext)
        self.assertEqual(sent, context.to_bus(converted))
        with recorded.Recorder().tracer.span('a', rebuilt.trace_headers):
            child = context.to_bus(rebuilt)['traceparent']
        self.assertIn(trace, child)
        self.assertNotEqual(parent, child)

    def test_logs_without_a_trace(self) -> None:
        values = context.RequestContext().get_logging_values()
        self.assertEqual('-', values['trace_id'])

    def test_ignored_fields(self) -> None:
        rebuilt = context.RequestContext.from_bus(
            {
                'auth_token': 'hunter' + '2',
                'service_token': 'hunter' + '2',
                'is_admin': True,
                'is_admin_project': False,
                'overwrite': False,
                'read_only': True,
                'service_roles': ['admin'],
                'user_id': 'v',
                'user': 'u',
            }
        )
        plain = context.RequestContext(
            user_id='u', request_id=rebuilt.request_id
        )
        plain.trace_headers = {}
        self.assertEqual(vars(plain), vars(rebuilt))

    def test_invalid_fields(self) -> None:
        for odd in (
            7,
            True,
            [],
            [['x']],
            {'a': 1},
            '',
            'x' * 256,
            'a\nb',
            'a\x00b',
            '\ud800',
            float('nan'),
        ):
            rebuilt = context.RequestContext.from_bus(
                dict.fromkeys(context.BUS_FIELDS, odd)
            )
            self.assertEqual([], rebuilt.roles)
            for name in ('user_id', 'project_id', 'system_scope'):
                self.assertIn(getattr(rebuilt, name), (None, ''), odd)
            self.assertTrue(rebuilt.request_id.startswith('req-'), odd)
        rebuilt = context.RequestContext.from_bus(
            {'roles': ['a', 7, None, ['b'], 'x' * 256, 'c', '']}
        )
        self.assertEqual(['a', 'c', ''], rebuilt.roles)
        many = {'roles': ['r'] * 10_000}
        self.assertEqual(100, len(context.RequestContext.from_bus(many).roles))

    def test_to_bus(self) -> None:
        made = context.RequestContext(
            request_id='req-1',
            user_id='u',
            user_name='Ada',
            roles=['admin'],
            auth_token='hunter' + '2',
            is_admin=True,
        )
        sent = {
            'request_id': 'req-1',
            'user': 'u',
            'user_name': 'Ada',
            'roles': ['admin'],
        }
        self.assertEqual(sent, context.to_bus(made))
        other = {**sent, 'auth_token': 'x', 'catalog': [1], 'domain': None}
        self.assertEqual(sent, context.to_bus(other))

    def test_contexts_of_other_services(self) -> None:
        odd: list[Any] = [{}, {'color': 'red'}, None, [], 'text', 5]
        for values in odd:
            rebuilt = context.RequestContext.from_bus(values)
            self.assertTrue(rebuilt.request_id.startswith('req-'), values)
            self.assertFalse(hasattr(rebuilt, 'color'))


class TestReportTargets(base.TestCase):
    """Targets reported by a driver."""

    def setUp(self) -> None:
        super().setUp()
        self.reported: list[str] = []
        case = self

        class State(context.CallState):
            def report_targets(self, names: Iterable[str]) -> None:
                case.reported.extend(names)

        made = context.RequestContext(overwrite=False)
        self.context = made.for_call(State())

    def test_any_iterable_of_strings(self) -> None:
        for names in ([], ['a', 'b'], ('c',), {'d': 1}, iter(['e'])):
            self.context.report_targets(names)
        self.assertEqual(['a', 'b', 'c', 'd', 'e'], self.reported)

    def test_invalid_names(self) -> None:
        for kind, names in (
            (TypeError, 'bmc-1'),
            (TypeError, b'bmc-1'),
            (TypeError, None),
            (TypeError, 7),
            (TypeError, ['bmc-1', None]),
            (TypeError, [b'bmc-1']),
            (TypeError, [['bmc-1']]),
            (ValueError, ['bmc-1', '']),
        ):
            self.assertRaises(kind, self.context.report_targets, names)
        self.assertEqual([], self.reported)

    def test_untracked_call(self) -> None:
        context.RequestContext(overwrite=False).report_targets(['bmc-1'])
