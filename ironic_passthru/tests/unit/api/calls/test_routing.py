# SPDX-License-Identifier: Apache-2.0
"""Tests of calls for targets that several conductors serve."""

import json
from typing import Any
from unittest import mock

import webob

from ironic_passthru import errors
from ironic_passthru.db import split_operations
from ironic_passthru.fleet import selector
from ironic_passthru.tests.unit.api import fakes

_SELECTION: dict[str, Any] = {
    'type': 'object',
    'properties': {
        name: {}
        for name in (
            *selector.PARAMETERS,
            'batch',
            'expected_targets',
            'require_all',
        )
    },
}


class RoutingCase(fakes.ApplicationCase):
    """Conductors ``a`` and ``b`` with different targets."""

    def setUp(self) -> None:
        super().setUp()
        selecting: Any = {
            'schema': _SELECTION,
            'target': selector.NAMES,
            'http_methods': ('GET', 'POST'),
        }
        driver = fakes.driver(
            'd',
            fakes.method('power', **selecting),
            fakes.method('later', **selecting, async_call=True),
            fakes.method('dump', **selecting, attach=True),
            fakes.method('one', target=('rack',), http_methods=('POST',)),
            fakes.method('none', http_methods=('POST',)),
        )
        for hostname in ('a', 'b'):
            self.store.add(hostname, driver)
        self.store.publish('a', 'd', 'a1', 'a2', 'x')
        self.store.publish('b', 'd', 'b1', 'x')
        self.bus.answer = self.answer
        self.failures: dict[str, errors.PassthruError] = {}

    def answer(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return an item for each target, or fail."""
        failure = self.failures.get(self.host(arguments))
        if failure is not None:
            raise failure
        names = arguments['info'].get('targets', ['all'])
        items = {name: {'reachable': True} for name in names}
        return {'return': {'items': items}, 'async': False, 'attach': False}

    def host(self, arguments: dict[str, Any]) -> str:
        return ''.join(each.hostname for each in arguments['servers'])

    def call(
        self, method: str = 'power', http_method: str = 'POST', **body: Any
    ) -> webob.Response:
        return self.ask(
            f'/v1/drivers/d/vendor_passthru/{method}',
            http_method,
            json.dumps(body).encode(),
        )

    def sent(self) -> dict[str, Any]:
        """Return the parameters that each conductor got."""
        found = {
            self.host(arguments): arguments['info']
            for _, _, arguments in self.bus.calls
        }
        self.assertEqual(len(found), len(self.bus.calls))
        self.bus.calls.clear()
        return found


class TestRouting(RoutingCase):
    """Calls go to the conductors that serve their targets."""

    def test_selection(self) -> None:
        for parameters, sent in (
            ({'target': 'a1'}, {'a': {'target': 'a1'}}),
            ({'target': 'b1'}, {'b': {'target': 'b1'}}),
            ({'tag': 'b'}, {'b': {'targets': ['b1']}}),
            (
                {'targets': ['a*'], 'exclude': ['a2'], 'expected_targets': 1},
                {'a': {'targets': ['a1']}},
            ),
            (
                {'targets': ['b1', 'a2'], 'require_all': True},
                {
                    'a': {'targets': ['a2'], 'require_all': True},
                    'b': {'targets': ['b1'], 'require_all': True},
                },
            ),
            (
                {'target': '*', 'expected_targets': 4},
                {
                    'a': {'targets': ['a1', 'a2', 'x']},
                    'b': {'targets': ['b1']},
                },
            ),
        ):
            self.assertEqual(200, self.call(**parameters).status_int)
            self.assertEqual(sent, self.sent())

    def test_a_read_selects_all(self) -> None:
        response = self.call(http_method='GET')
        self.assertEqual(4, response.json['summary']['total'])
        self.assertEqual({'a', 'b'}, self.sent().keys())

    def test_one_of_several(self) -> None:
        self.assertEqual(200, self.call(target='x').status_int)
        ((_, _, arguments),) = self.bus.calls
        self.assertEqual('ab', self.host(arguments))
        self.assertTrue(arguments['routed'])

    def test_rejected(self) -> None:
        for parameters, text in (
            ({'target': 'n9'}, 'Unknown target: n9'),
            ({}, 'The method power needs one of: target, targets, tag, '),
            (
                {'target': '*', 'expected_targets': 3},
                'expected_targets is 3, but 4 targets are selected',
            ),
            (
                {'target': '*', 'batch': 1},
                'batch needs all targets on one conductor, but several '
                'conductors serve them: a: a1, a2, x; b: b1',
            ),
        ):
            response = self.call(**parameters)
            self.assertEqual(400, response.status_int)
            self.assertIn(text, response.text)
        response = self.call('dump', target='*')
        self.assertIn('an attachment of dump needs all', response.text)
        self.assertEqual({}, self.sent())

    def test_other_target_parameters(self) -> None:
        for rack, host in (
            ('a1', 'a'),
            (['b1', 'x'], 'b'),
            ('unknown', 'ab'),
            (None, 'ab'),
        ):
            self.assertEqual(200, self.call('one', rack=rack).status_int)
            self.assertEqual({host: {'rack': rack}}, self.sent())
        response = self.call('one', rack=['a1', 'b1'])
        self.assertEqual(400, response.status_int)
        self.assertIn(
            'no conductor serves all targets of the call: a1, b1',
            response.text,
        )

    def test_methods_without_targets(self) -> None:
        self.assertEqual(200, self.call('none', target='a1').status_int)
        self.assertEqual({'ab': {'target': 'a1'}}, self.sent())

    def test_the_only_conductor_is_dead(self) -> None:
        self.store.add('b', alive=False)
        for method, parameters in (
            ('power', {'target': 'b1'}),
            ('power', {'tag': 'b'}),
            ('one', {'rack': ['a1', 'b1']}),
        ):
            response = self.call(method, **parameters)
            self.assertEqual(503, response.status_int)
            self.assertIn('not alive: b1;', response.text)
        self.assertEqual({}, self.sent())
        self.assertEqual(200, self.call(target='x').status_int)
        self.assertEqual({'a': {'target': 'x'}}, self.sent())
        response = self.call(target='*', expected_targets=4, batch=1)
        self.assertEqual({'a'}, self.sent().keys())
        self.assertEqual(
            {'code': 'not_attempted', 'message': mock.ANY},
            response.json['items']['b1']['error'],
        )

    def test_a_dead_conductor_of_another_group(self) -> None:
        self.store.add('b', alive=False, group='south')
        response = self.ask(
            '/v1/drivers/d/vendor_passthru/power',
            'POST',
            b'{"tag": "a"}',
            Passthru_Conductor_Group='',
        )
        self.assertEqual(200, response.status_int)
        self.assertEqual({'a': {'tag': 'a'}}, self.sent())

    def test_a_conductor_that_publishes_none(self) -> None:
        del self.store.target_lists.lists['b', 'd']
        for target, host in (('a1', 'a'), ('b1', 'b')):
            self.assertEqual(200, self.call(target=target).status_int)
            self.assertEqual({host: {'target': target}}, self.sent())
        self.call(target='b1')
        ((_, _, arguments),) = self.bus.calls
        # An earlier release rejects the argument.
        self.assertFalse(arguments['routed'])

    def test_equal_inventories(self) -> None:
        self.store.publish('b', 'd', 'a1', 'a2', 'x')
        self.assertEqual(200, self.call(tag='a').status_int)
        self.assertEqual({'ab': {'tag': 'a'}}, self.sent())

    def test_the_route_follows_the_targets(self) -> None:
        self.store.publish('a', 'd', 'a2')
        self.store.publish('b', 'd', 'a1')
        self.call(target='a1')
        self.assertEqual({'b': {'target': 'a1'}}, self.sent())


class TestParts(RoutingCase):
    """Outcomes of a synchronous call in parts."""

    def codes(self, response: webob.Response) -> dict[str, str | None]:
        items = response.json['items'].items()
        return {
            name: item.get('error', {}).get('code') for name, item in items
        }

    def test_one_is_lost(self) -> None:
        for failure, code in (
            (errors.OutcomeUnknown(request_id='r'), 'outcome_unknown'),
            (errors.ConductorBusy(), 'not_attempted'),
            (errors.TargetsMoved(moved='b1'), 'not_attempted'),
            (errors.DriverFailed(request_id='r'), 'driver_failed'),
        ):
            self.failures['b'] = failure
            response = self.call(targets=['a1', 'b1'])
            self.assertEqual(200, response.status_int)
            self.assertEqual({'a1': None, 'b1': code}, self.codes(response))
            self.assertEqual(1, response.json['summary']['succeeded'])

    def test_all_are_lost(self) -> None:
        busy, lost = (
            errors.ConductorBusy(),
            errors.OutcomeUnknown(request_id='r'),
        )
        for a, b, status in (
            (busy, busy, 503),
            (busy, lost, 504),
            (lost, lost, 504),
            (busy, errors.DriverFailed(request_id='r'), 502),
            (*[errors.InvalidParameterValue('no such state')] * 2, 400),
        ):
            self.failures = {'a': a, 'b': b}
            response = self.call(targets=['a1', 'b1'])
            self.assertEqual(status, response.status_int)
        self.assertIn('no such state', response.text)

    def test_each_part_is_sent_once(self) -> None:
        self.call(target='*', expected_targets=4)
        ids = {arguments['call_id'] for _, _, arguments in self.bus.calls}
        self.assertEqual(2, len(ids))
        self.assertEqual({'a', 'b'}, self.sent().keys())


class TestRecords(RoutingCase):
    """Calls in parts that are recorded."""

    def setUp(self) -> None:
        super().setUp()
        self.operations.split = self
        self.added: dict[str, list[str]] = {}
        self.refused: dict[str, str] = {}
        self.removed: list[str] = []

    def add(
        self, new: Any, parts: list[split_operations.NewPart], **_: Any
    ) -> None:
        # Nothing is sent before it is recorded.
        self.assertEqual([], self.bus.calls)
        self.added[new.id] = [part.id for part in parts]
        self.operations.add(new.id, state='running')

    def refuse(self, part_id: str, error: Any) -> None:
        self.refused[part_id] = error.code

    def remove(self, operation_id: str) -> None:
        self.removed.append(operation_id)

    def answer(self, arguments: dict[str, Any]) -> dict[str, Any]:
        reply = super().answer(arguments)
        later = not arguments['key']
        return reply | {'async': True, 'return': None} if later else reply

    def test_accepted(self) -> None:
        self.failures['b'] = errors.ConductorBusy()
        response = self.call('later', target='*', expected_targets=4)
        self.assertEqual(202, response.status_int)
        ((whole, parts),) = self.added.items()
        self.assertTrue(response.headers['Location'].endswith(whole))
        self.assertEqual(
            sorted(parts),
            sorted(arguments['call_id'] for _, _, arguments in self.bus.calls),
        )
        self.assertEqual(['conductor_busy'], list(self.refused.values()))
        self.assertEqual([], self.removed)

    def test_all_refuse(self) -> None:
        for failure in (
            errors.ConductorBusy(),
            errors.InvalidParameterValue('no such state'),
        ):
            self.failures = dict.fromkeys('ab', failure)
            response = self.call('later', target='*', expected_targets=4)
            self.assertEqual(failure.status, response.status_int)
            self.assertEqual(list(self.added), self.removed)
            self.bus.calls.clear()

    def test_no_reply(self) -> None:
        self.failures = dict.fromkeys(
            'ab', errors.OutcomeUnknown(request_id='r')
        )
        response = self.call('later', target='*', expected_targets=4)
        self.assertEqual(504, response.status_int)
        self.assertIn('Location', response.headers)
        self.assertEqual([], self.removed)

    def test_no_reply_and_an_error(self) -> None:
        self.failures = {
            'a': errors.OutcomeUnknown(request_id='r'),
            'b': errors.InvalidParameterValue('no such state'),
        }
        response = self.call('later', target='*', expected_targets=4)
        # It has a record, and may succeed.
        self.assertEqual(504, response.status_int)
        self.assertIn('Location', response.headers)

    def test_key(self) -> None:
        self.failures['b'] = errors.ConductorBusy()
        request = {'targets': ['a1', 'b1']}
        response = self.ask(
            '/v1/drivers/d/vendor_passthru/power',
            'POST',
            json.dumps(request).encode(),
            Idempotency_Key='"one"',
        )
        self.assertEqual(200, response.status_int)
        keys = {arguments['key'].digest for _, _, arguments in self.bus.calls}
        self.assertEqual(2, len(keys))
        self.assertEqual(['conductor_busy'], list(self.refused.values()))

    def test_registry_unavailable(self) -> None:
        def add(*_: Any, **__: Any) -> None:
            raise errors.RegistryUnavailable()

        self.add = add  # type: ignore[method-assign]
        response = self.call('later', target='*', expected_targets=4)
        self.assertEqual(503, response.status_int)
        self.assertEqual([], self.bus.calls)
