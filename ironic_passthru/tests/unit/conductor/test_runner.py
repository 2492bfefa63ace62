# SPDX-License-Identifier: Apache-2.0
"""One call: refused and not run, or run once with a fit outcome."""

import contextlib
import datetime
import itertools
import json
import sys
import threading
import time
from collections.abc import Callable
from http import client as http_client
from typing import Annotated
from typing import Any

import fixtures
import pydantic
from oslo_context import context as oslo_context
from oslo_messaging._drivers import common

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru.conductor import admission
from ironic_passthru.conductor import runner
from ironic_passthru.drivers import base as drivers
from ironic_passthru.drivers import loader
from ironic_passthru.rpc import protocol
from ironic_passthru.tests import base
from ironic_passthru.tests.unit.conductor import records

WAIT_SECONDS = 20
# Not in one piece: a traceback shows lines of this file.
SECRET = 'hunter' + '2'


class VendorInterface(drivers.VendorInterface):
    """Runs the action of a test, and keeps the arguments of its methods."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.validated: list[Any] = []
        self.action: Callable[[], Any] = lambda: None
        self.validation: Callable[[], Any] = lambda: None
        self.entered = threading.Semaphore(0)
        self.go_on = threading.Event()

    def driver_validate(self, method: str, **kwargs: Any) -> None:
        self.validated.append((method, kwargs))
        self.validation()

    def _act(self, *facts: Any) -> Any:
        self.calls.append(facts)
        return self.action()

    def block(self) -> str:
        self.entered.release()
        self.go_on.wait(WAIT_SECONDS)
        return 'done'

    @drivers.driver_passthru(['GET', 'POST'], async_call=False)
    def plain(self) -> Any:
        return self._act()

    @drivers.driver_passthru(['POST'])
    def later(self) -> Any:
        return self._act()

    @drivers.driver_passthru(['POST'], async_call=False)
    def typed(
        self,
        day: datetime.date,
        number: Annotated[int, pydantic.Field(ge=1)] = 1,
        even: Annotated[
            int, pydantic.AfterValidator(lambda value: _even(value))
        ] = 0,
    ) -> Any:
        return self._act(day, number, even)

    @drivers.driver_passthru(['PUT'], async_call=False)
    def injected(self, context: Any, http_method: str, a: int = 0) -> Any:
        return self._act(context, http_method, a)

    @drivers.driver_passthru(['PUT'], async_call=False)
    def anything(self, **kwargs: Any) -> Any:
        return self._act(kwargs)

    @drivers.driver_passthru(['GET'], async_call=False, attach=True)
    def attached(self) -> Any:
        return self._act()

    @drivers.driver_passthru(['POST'], async_call=False, dangerous=True)
    def erase(self, day: datetime.date) -> Any:
        return self._act(day)

    @drivers.driver_passthru(['POST'], dangerous=True)
    def erase_later(self) -> Any:
        return self._act()


def _even(value: int) -> int:
    if value % 2:
        raise ValueError('must be even')
    return value


class Narrow(VendorInterface):
    """Its validation takes two names only."""

    def driver_validate(  # type: ignore[override]
        self, method: str, day: Any = None
    ) -> None:
        self.validated.append((method, {'day': day}))


class OnFire(errors.DriverError):
    code = 'acme_on_fire'
    status = 507
    _msg_fmt = 'Rack %(rack)s is on fire.'


class IronicStyle(errors.DriverError):
    _msg_fmt = 'Chassis %(chassis)s is locked.'
    code = http_client.LOCKED


class Forgetful(errors.DriverError):
    """Does not call its base class, so it has no message."""

    def __init__(self) -> None:
        pass


class BadStatus(errors.DriverError):
    status = 'teapot'  # type: ignore[assignment]


class Outcome:
    """What a call in a thread came to."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self.value: Any = None
        self._call = call
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.value = self._call()
        except errors.PassthruError as error:
            self.value = error

    def get(self) -> Any:
        self.thread.join(WAIT_SECONDS)
        return self.value


class RunnerCase(base.TestCase):
    interface_class: type[VendorInterface] = VendorInterface
    allowed: tuple[str, ...] = ()

    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(
            fixtures.FakeLogger(
                level=0,
                nuke_handlers=True,
                format='%(levelname)s %(message)s',
            )
        )
        self.interface = self.interface_class()
        # A test that failed half-way must not leave a thread behind.
        self.addCleanup(self.interface.go_on.set)
        self.runner = self.make_runner()
        self.context = request_context.RequestContext(
            request_id='req-1', overwrite=False
        )
        self.addCleanup(request_context.clear_current)

    def make_runner(self, **limits: int) -> runner.Runner:
        values = {
            'sync_workers': 2,
            'async_workers': 1,
            'async_backlog': 1,
            'max_result_size': 10_000,
        } | limits
        made = records.conductor(
            self,
            {
                'acme': loader.make(
                    'acme', self.interface, allowed=self.allowed
                )
            },
            incarnation='now',
            **values,
        )
        self.admission = made.admission
        self.records = made.records
        return made.runner

    def call(self, method: str = 'plain', **facts: Any) -> dict[str, Any]:
        facts.setdefault('http_method', 'PUT' if method in _PUT else 'POST')
        facts['driver_name'] = facts.pop('driver', 'acme')
        parameters = facts.pop('parameters', {})
        return self.runner.run(
            self.context,
            protocol.CallRequest(
                driver_method=method, info=parameters, **facts
            ),
        )

    def refused(
        self,
        error: type[errors.PassthruError],
        method: str = 'plain',
        **facts: Any,
    ) -> Any:
        """Assert that a call is refused without running anything."""
        before = len(self.interface.calls), len(self.interface.validated)
        raised = self.assertRaises(error, self.call, method, **facts)
        after = len(self.interface.calls), len(self.interface.validated)
        self.assertEqual(before, after)
        return raised

    def in_thread(self, method: str = 'plain', **facts: Any) -> Outcome:
        outcome = Outcome(lambda: self.call(method, **facts))
        self.addCleanup(outcome.thread.join, WAIT_SECONDS)
        self.addCleanup(self.interface.go_on.set)
        return outcome

    def blocked(self, method: str = 'plain', **facts: Any) -> Outcome:
        """Start a call in a thread; return when its method runs."""
        self.interface.action = self.interface.block
        outcome = self.in_thread(method, **facts)
        self.assertTrue(self.interface.entered.acquire(timeout=10))
        return outcome


_PUT = ('injected', 'anything')


class TestDangerous(RunnerCase):
    def test_dangerous_methods_are_refused(self) -> None:
        self.context.roles = ['admin']
        for method in ('erase', 'erase_later'):
            # Even with parameters or a verb that are wrong besides.
            for parameters in ({}, {'day': '2026-01-01'}, {'day': 3}):
                for http_method in ('POST', 'GET'):
                    error = self.refused(
                        errors.DangerousMethod,
                        method,
                        parameters=parameters,
                        http_method=http_method,
                    )
                    self.assertEqual(403, error.status)
                    self.assertIn(method, error.message)
        for respond_async in (False, True):
            self.refused(
                errors.DangerousMethod,
                'erase',
                parameters={'day': '2026-01-01'},
                respond_async=respond_async,
                key=operation.Key('0' * 64, '1' * 64),
            )
        self.assertEqual({}, self.records.new)

    def test_what_is_wrong_with_the_message_comes_first(self) -> None:
        self.refused(errors.StaleCall, 'erase', incarnation='before')


class TestAllowed(RunnerCase):
    allowed = ('acme.erase',)

    def test_named(self) -> None:
        self.call('erase', parameters={'day': '2026-01-01'})
        self.assertEqual(1, len(self.interface.calls))
        self.refused(errors.DangerousMethod, 'erase_later')


class TestFence(RunnerCase):
    def test_what_is_meant_for_this_run_is_run(self) -> None:
        self.call(incarnation='now', deadline=time.time() + 60, call_id='a')
        self.call()
        self.assertEqual(2, len(self.interface.calls))

    def test_for_another_run(self) -> None:
        for method in ('plain', 'later'):
            self.refused(errors.StaleCall, method, incarnation='before')
        self.refused(errors.StaleCall, incarnation='')

    def test_past_its_deadline(self) -> None:
        for method in ('plain', 'later'):
            self.refused(
                errors.CallExpired, method, deadline=time.time() - 0.01
            )

    def test_stopping(self) -> None:
        self.admission.stop()
        for method in ('plain', 'later'):
            self.refused(errors.ConductorStopping, method)

    def test_all_refusals_are_certainly_not_run(self) -> None:
        for error in (
            errors.StaleCall,
            errors.CallExpired,
            errors.ConductorStopping,
            errors.ConductorBusy,
        ):
            self.assertTrue(issubclass(error, errors.NotRun))

    def test_a_stop_during_conversion_is_too_late(self) -> None:
        # wait() must not return True while a call may run.
        idle = []

        def stop(value: int) -> int:
            self.admission.stop()
            idle.append(self.admission.wait(0))
            return value

        self.useFixture(fixtures.MonkeyPatch(f'{__name__}._even', stop))
        self.call('typed', parameters={'day': '2026-01-01', 'even': 2})
        self.assertEqual([False], idle)
        self.assertTrue(self.admission.wait(0))


class TestDuplicates(RunnerCase):
    def test_the_second_message_does_not_run(self) -> None:
        for method in ('plain', 'later'):
            facts = {'call_id': method, 'deadline': time.time() + 60}
            self.call(method, **facts)
            self.wait_for(lambda: self.admission.wait(0), 'it has run')
            error = self.refused(errors.DuplicateCall, method, **facts)
            self.assertIsInstance(error, errors.OutcomeUnknown)
            self.assertEqual(504, error.status)
        self.assertEqual(2, len(self.interface.calls))

    def test_never_not_run_while_the_first_may_be_running(self) -> None:
        self.runner = self.make_runner(sync_workers=1)
        first = self.blocked(call_id='a', deadline=time.time() + 60)
        duplicates = [
            {'deadline': time.time() + 60},
            {'deadline': time.time() - 1},
            {'incarnation': 'before'},
        ]
        for facts in duplicates:
            self.refused(errors.DuplicateCall, call_id='a', **facts)
        self.admission.stop()
        self.refused(errors.DuplicateCall, call_id='a')
        self.refused(errors.ConductorStopping, call_id='b')
        self.interface.go_on.set()
        self.assertEqual('done', first.get()['return'])

    def test_of_messages_that_come_at_once_one_runs(self) -> None:
        self.runner = self.make_runner(sync_workers=1)
        self.interface.action = self.interface.block
        for number in range(20):
            self.interface.go_on.clear()
            outcomes = [self.in_thread(call_id=str(number)) for _ in range(4)]
            self.wait_for(
                lambda all_=outcomes: (
                    sum(each.thread.is_alive() for each in all_) == 1
                ),
                'all but one are answered',
            )
            self.interface.go_on.set()
            answers = [outcome.get() for outcome in outcomes]
            # ConductorBusy would send the call on to another conductor.
            duplicates = [
                isinstance(answer, errors.DuplicateCall) for answer in answers
            ]
            self.assertEqual(3, sum(duplicates), answers)
            self.assertEqual(number + 1, len(self.interface.calls))

    def test_a_refused_call_stays_refused(self) -> None:
        """Its caller has gone on to another conductor."""
        self.runner = self.make_runner(sync_workers=1)
        first = self.blocked()
        self.refused(errors.ConductorBusy, call_id='a')
        self.interface.go_on.set()
        first.get()
        self.refused(errors.DuplicateCall, call_id='a')

    def test_one_that_failed_counts_as_run(self) -> None:
        self.interface.action = _raise(RuntimeError('no'))
        self.assertRaises(errors.DriverFailed, self.call, call_id='a')
        self.refused(errors.DuplicateCall, call_id='a')

    def test_remembered_for_as_long_as_the_message_is_good(self) -> None:
        for seconds in (0.5, 60, 3600):
            self.call(call_id=str(seconds), deadline=time.time() + seconds)
            until, _ = self.admission._seen_calls._order[-1]
            self.assertGreater(until - time.monotonic(), seconds)

    def test_forgotten_only_when_the_deadline_refuses_it(self) -> None:
        self.useFixture(
            fixtures.MonkeyPatch(
                'ironic_passthru.conductor.admission._CLOCK_STEP_SECONDS', 0.2
            )
        )
        deadline = time.time() + 0.05
        self.call(call_id='a', deadline=deadline)
        self.wait_for(lambda: time.time() > deadline, 'the deadline')
        # Remembered a little longer than the message is good for.
        self.refused(errors.DuplicateCall, call_id='a', deadline=deadline)
        # Every call that comes makes it forget what it can.
        ids = itertools.count()
        self.wait_for(
            lambda: (
                self.call(call_id=f'later-{next(ids)}')
                and 'a' not in self.admission._seen_calls
            ),
            'it is forgotten',
        )
        self.refused(errors.CallExpired, call_id='a', deadline=deadline)


class TestPermits(RunnerCase):
    def test_full_of_synchronous_calls(self) -> None:
        running = [self.blocked(), self.blocked()]
        start = time.monotonic()
        self.refused(errors.ConductorBusy)
        self.assertLess(time.monotonic() - start, 1)
        self.call('later')
        self.interface.go_on.set()
        for each in running:
            self.assertEqual('done', each.get()['return'])
        self.interface.action = lambda: 'again'
        self.assertEqual('again', self.call()['return'])

    def test_full_of_asynchronous_calls(self) -> None:
        self.interface.action = self.interface.block
        answer = {'return': None, 'async': True, 'attach': False}
        self.assertEqual(answer, self.call('later'))
        self.assertTrue(self.interface.entered.acquire(timeout=10))
        self.assertEqual(answer, self.call('later'), 'the backlog')
        self.refused(errors.ConductorBusy, 'later')
        self.assertEqual(1, len(self.interface.calls), 'one at a time')
        self.assertFalse(self.admission.wait(0))
        self.interface.go_on.set()
        self.assertTrue(self.admission.wait(10))
        self.assertEqual(2, len(self.interface.calls), 'both have run')
        self.call('later')
        self.assertTrue(self.admission.wait(10))

    def test_every_way_out_gives_the_permit_back(self) -> None:
        self.runner = self.make_runner(sync_workers=1, async_backlog=0)
        ways: list[tuple[str, dict[str, Any]]] = [
            ('validation', {'method': 'plain'}),
            ('validation', {'method': 'later'}),
            ('action', {'method': 'plain'}),
            ('action', {'method': 'later'}),
        ]
        raised: list[BaseException] = [
            errors.InvalidParameterValue('no'),
            RuntimeError('no'),
            SystemExit(1),
            KeyboardInterrupt(),
        ]
        for error in raised:
            for attribute, facts in ways:
                setattr(self.interface, attribute, _raise(error))
                try:
                    self.call(**facts)
                except errors.PassthruError as outcome:
                    self.assertNotIsInstance(outcome, errors.NotRun)
                setattr(self.interface, attribute, lambda: None)
                self.assertTrue(self.admission.wait(10))
        for number in range(3):
            self.refused(
                errors.InvalidParameters,
                'typed',
                parameters={'day': 'yesterday'},
            )
            self.refused(
                errors.InvalidParameters,
                'typed',
                parameters={'day': '2026-01-01', 'even': 1},
            )
            self.call(call_id='a') if not number else self.refused(
                errors.DuplicateCall, call_id='a'
            )
            self.interface.action = object
            self.assertRaises(errors.ResultNotSerializable, self.call)
            self.interface.action = lambda: None
        self.assertTrue(self.admission.wait(0))
        self.call()
        self.call('later')
        self.assertTrue(self.admission.wait(10))

    def test_a_closed_pool_refuses(self) -> None:
        self.runner.close()
        for _ in range(5):
            self.assertRaises(errors.OperationExpired, self.call, 'later')
        self.assertEqual([], self.interface.calls)
        self.assertTrue(self.admission.wait(10))

    def test_waiting_for_the_end(self) -> None:
        self.assertTrue(self.admission.wait(0))
        running = self.blocked()
        start = time.monotonic()
        self.assertFalse(self.admission.wait(0.05))
        self.assertGreaterEqual(time.monotonic() - start, 0.04)
        self.interface.go_on.set()
        self.assertTrue(self.admission.wait(10))
        running.get()

    def test_close_leaves_a_running_call_alone(self) -> None:
        self.interface.action = self.interface.block
        self.call('later')
        self.assertTrue(self.interface.entered.acquire(timeout=10))
        self.runner.close()
        self.assertFalse(self.admission.wait(0))
        self.interface.go_on.set()
        self.assertTrue(self.admission.wait(10))


class TestOrder(RunnerCase):
    def test_the_earlier_fault_is_answered(self) -> None:
        self.runner = self.make_runner(sync_workers=1)
        running = self.blocked(call_id='running')
        wrong = {'day': 'yesterday', 'even': 1}
        unconverted = {'day': '2026-01-01', 'even': 1}
        right = {'day': '2026-01-01', 'even': 2}
        self.refused(
            errors.StaleCall, 'typed', incarnation='x', parameters=wrong
        )
        self.refused(errors.InvalidParameters, 'typed', parameters=wrong)
        # Conversion may run code of the driver, so it needs a permit.
        for parameters in (unconverted, right):
            self.refused(errors.ConductorBusy, 'typed', parameters=parameters)
        self.interface.go_on.set()
        running.get()
        self.refused(errors.InvalidParameters, 'typed', parameters=unconverted)
        self.interface.validation = _raise(
            errors.InvalidParameterValue('not today')
        )
        self.refused(
            errors.DuplicateCall, 'typed', parameters=right, call_id='running'
        )
        self.assertRaises(
            errors.InvalidParameterValue,
            self.call,
            'typed',
            parameters=right,
        )
        self.assertEqual(1, len(self.interface.calls))

    def test_slow_validation_never_takes_all_threads_of_the_bus(self) -> None:
        self.runner = self.make_runner(async_workers=100)
        self.interface.validation = self.interface.block
        validating = [
            threading.Thread(target=self.call, args=['later'])
            for _ in range(admission.MAX_ADMISSIONS)
        ]
        for thread in validating:
            thread.start()
        for _ in validating:
            self.assertTrue(self.interface.entered.acquire(timeout=10))
        before = len(self.interface.calls)
        self.assertRaises(errors.ConductorBusy, self.call, 'later')
        self.assertEqual(before, len(self.interface.calls))
        self.interface.go_on.set()
        for thread in validating:
            thread.join(10)
        self.wait_for(lambda: self.admission.wait(0), 'all have run')
        self.call('later')

    def test_what_is_asked_for_must_exist(self) -> None:
        self.refused(errors.DriverNotFound, driver='other')
        self.refused(errors.MethodNotFound, 'nothing')
        self.refused(errors.MethodNotFound, 'driver_validate')
        self.refused(errors.VerbNotSupported, http_method='DELETE')
        self.refused(errors.VerbNotSupported, 'later', http_method='GET')

    def test_reserved_names_are_excess(self) -> None:
        for name in ('self', 'context', 'method', 'http_method'):
            for method in ('injected', 'anything'):
                self.refused(
                    errors.InvalidParameters, method, parameters={name: 'x'}
                )


class TestArguments(RunnerCase):
    DAY = datetime.date(2026, 1, 2)

    def test_converted_values(self) -> None:
        self.call('typed', parameters={'day': '2026-01-02', 'number': 3})
        self.assertEqual([(self.DAY, 3, 0)], self.interface.calls)
        self.assertEqual(
            [
                (
                    'typed',
                    {'day': self.DAY, 'number': 3, 'http_method': 'POST'},
                )
            ],
            self.interface.validated,
        )

    def test_context_and_verb_by_name(self) -> None:
        self.call('injected', parameters={'a': 1})
        ((context, http_method, number),) = self.interface.calls
        self.assertEqual(('PUT', 1), (http_method, number))
        self.assertEqual(self.context.request_id, context.request_id)

    def test_kwargs_take_the_verb_but_not_the_context(self) -> None:
        self.call('anything', parameters={'task': 1, 'func': 2})
        self.assertEqual(
            [({'task': 1, 'func': 2, 'http_method': 'PUT'},)],
            self.interface.calls,
        )

    def test_neither_without_asking(self) -> None:
        self.call('plain', http_method='GET')
        self.assertEqual([()], self.interface.calls)

    def test_the_answer(self) -> None:
        self.interface.action = lambda: (self.DAY, {1})
        self.assertEqual(
            {'return': ['2026-01-02', [1]], 'async': False, 'attach': False},
            self.call(),
        )
        self.interface.action = lambda: b'\xff'
        answer = self.call('attached', http_method='GET')
        self.assertTrue(answer['attach'])
        self.assertEqual(
            b'\xff', protocol.Attached.from_bus(answer['return']).data
        )


class TestNarrowValidation(RunnerCase):
    interface_class = Narrow

    def test_it_gets_only_what_it_takes(self) -> None:
        day = datetime.date(2026, 1, 2)
        self.call('typed', parameters={'day': '2026-01-02', 'number': 3})
        self.assertEqual([('typed', {'day': day})], self.interface.validated)


# Error of a driver; status, code and message that a client gets.
STATED: list[tuple[errors.DriverError, int, str, str]] = [
    (errors.InvalidParameterValue('slot 9'), 400, 'invalid_parameter_value',
     'slot 9'),
    (errors.MissingParameterValue('a'), 400, 'missing_parameter_value', 'a'),
    (errors.NotFound('gone'), 404, 'not_found_by_driver', 'gone'),
    (errors.NotAuthorized(), 403, 'not_authorized', 'Not authorized.'),
    (errors.DriverOperationError('x'), 500, 'driver_operation_failed', 'x'),
    (errors.VendorPassthruException('100% %(x)s'), 500,
     'vendor_passthru_failed', '100% %(x)s'),
    (OnFire(rack='r1'), 507, 'acme_on_fire', 'Rack r1 is on fire.'),
    (OnFire('plain'), 507, 'acme_on_fire', 'plain'),
    (OnFire(rock='r1'), 507, 'acme_on_fire', 'Rack %(rack)s is on fire.'),
    (IronicStyle(chassis='c'), 423, 'vendor_error', 'Chassis c is locked.'),
]  # fmt: skip


class TestOutcome(RunnerCase):
    def outcome(
        self, error: BaseException, *, validating: bool = False
    ) -> Any:
        """Return an error as it arrives from the bus."""
        self.interface.action = self.interface.validation = lambda: None
        if validating:
            self.interface.validation = _raise(error)
        else:
            self.interface.action = _raise(error)
        try:
            self.call()
        except errors.PassthruError as raised:
            text = common.serialize_remote_exception(sys.exc_info())
            self.assertNotIn(SECRET, text)
            rebuilt = common.deserialize_remote_exception(
                text, [errors.__name__]
            )
            self.assertEqual(
                (raised.status, raised.code, raised.message),
                (rebuilt.status, rebuilt.code, rebuilt.message),
            )
            return rebuilt
        self.fail(f'{error!r} was lost')

    def failed(self, error: BaseException, **where: Any) -> None:
        """Assert that a client gets no more than a fixed message."""
        outcome = self.outcome(error, **where)
        self.assertIsInstance(outcome, errors.DriverFailed, repr(error))
        self.assertNotIsInstance(outcome, errors.NotRun)
        self.assertEqual(500, outcome.status)
        self.assertIn('req-1', outcome.message)

    def test_what_a_driver_states_reaches_the_client(self) -> None:
        for error, *expected in STATED:
            for validating in (False, True):
                outcome = self.outcome(error, validating=validating)
                self.assertEqual(
                    expected, [outcome.status, outcome.code, outcome.message]
                )
        self.assertNotIn('ERROR', self.log.output)

    def test_silly_statuses_become_500(self) -> None:
        # 401 and 405 are not a driver's to answer; clients log in anew and
        # send the request again on the first.
        for code in (200, 302, 399, 600, 1000, 0, -1, True, 401, 405):
            silly = type('Silly', (errors.DriverError,), {'code': code})
            outcome = self.outcome(silly('text'))
            self.assertEqual(
                (500, 'vendor_error', 'text'),
                (outcome.status, outcome.code, outcome.message),
            )
            silly = type('Silly', (errors.DriverError,), {'status': code})
            self.assertEqual(500, self.outcome(silly('text')).status)

    def test_nothing_that_clients_send_again_once_it_runs(self) -> None:
        resent = [
            errors.Conflict('busy'),
            errors.TemporaryFailure('busy'),
            type('C', (errors.DriverError,), {'code': 409})('busy'),
            type('T', (errors.DriverError,), {'status': 503})('busy'),
        ]
        for error in resent:
            outcome = self.outcome(error)
            self.assertEqual((500, 'busy'), (outcome.status, outcome.message))
            outcome = self.outcome(error, validating=True)
            self.assertIn(outcome.status, (409, 503))
            self.assertEqual('busy', outcome.message)

    def test_a_type_of_the_driver_that_fails(self) -> None:
        def fail(value: int) -> int:
            raise KeyError(SECRET)

        self.useFixture(fixtures.MonkeyPatch(f'{__name__}._even', fail))
        refused = self.refused(
            errors.DriverFailed,
            'typed',
            parameters={'day': '2026-01-01', 'even': 2},
        )
        self.assertNotIn(SECRET, refused.message)
        self.assertIn(SECRET, self.log.output)

    def test_unexpected_exceptions_stay_in_the_log(self) -> None:
        unexpected: list[BaseException] = [
            RuntimeError(f'password={SECRET}'),
            KeyError(SECRET),
            SystemExit(SECRET),
            KeyboardInterrupt(SECRET),
            GeneratorExit(SECRET),
            RecursionError(SECRET),
            ExceptionGroup(SECRET, [ValueError(SECRET)]),
            StopIteration(SECRET),
        ]
        for error in unexpected:
            for validating in (False, True):
                self.failed(error, validating=validating)
        lines = self.log.output.splitlines()
        logged = [line for line in lines if line.startswith('ERROR ')]
        self.assertEqual(2 * len(unexpected), len(logged))
        for line in logged:
            self.assertIn('acme.plain', line)
            self.assertIn('req-1', line)
        self.assertIn(f'password={SECRET}', self.log.output)

    def test_recursion_without_end(self) -> None:
        def recurse() -> None:
            recurse()

        self.interface.action = recurse
        self.assertRaises(errors.DriverFailed, self.call)

    def test_our_own_refusals_out_of_a_driver_are_no_refusals(self) -> None:
        ours: list[errors.PassthruError] = [
            errors.ConductorBusy(),
            errors.ConductorStopping(),
            errors.StaleCall(),
            errors.CallExpired(),
            errors.CallNotDelivered(),
            errors.BusUnavailable(),
            errors.RegistryUnavailable(),
            errors.NotRun(),
            errors.OutcomeUnknown(request_id=SECRET),
            errors.DuplicateCall(),
            errors.DriverNotFound(driver=SECRET),
            errors.MethodNotFound(method='x'),
            errors.ConfigError(SECRET),
            errors.VendorError(message=SECRET, status=503, code='x'),
            errors.PassthruError(),
        ]
        for error in ours:
            for validating in (False, True):
                self.failed(error, validating=validating)

    def test_a_vendors_subclass_of_a_refusal(self) -> None:
        class Busy(errors.ConductorBusy):
            pass

        self.failed(Busy())

    def test_classes_that_are_wrong(self) -> None:
        for error in (Forgetful(), BadStatus('x')):
            self.failed(error)
            self.failed(error, validating=True)

    def test_facts_without_a_json_form(self) -> None:
        for fact in (object(), b'\xff', {1, 2}, RuntimeError(SECRET)):
            error = errors.InvalidParameterValue('message', fact=fact)
            outcome = self.outcome(error)
            self.assertEqual('message', outcome.message)
            self.assertEqual('Rack r1 is on fire.', self.outcome(
                OnFire(rack='r1', fact=fact)).message)  # fmt: skip

    def test_only_the_sentence_crosses_the_bus(self) -> None:
        def chained(error: errors.DriverError, how: str) -> None:
            error.add_note(f'note {SECRET}')
            cause = RuntimeError(SECRET)
            if how == 'cause':
                raise error from cause
            with contextlib.ExitStack() as stack:
                stack.callback(_raise(error))
                raise cause

        for error in (
            errors.InvalidParameterValue('message', password=SECRET),
            errors.Conflict('message', password=SECRET),
            OnFire('message', password=SECRET),
        ):
            for how in ('cause', 'context'):
                for attribute in ('action', 'validation'):
                    self.interface.action = lambda: None
                    self.interface.validation = lambda: None
                    setattr(
                        self.interface,
                        attribute,
                        lambda e=error, h=how: chained(e, h),
                    )
                    try:
                        self.call()
                    except errors.PassthruError as raised:
                        text = common.serialize_remote_exception(
                            sys.exc_info()
                        )
                        self.assertNotIn(SECRET, text)
                        self.assertNotIn(SECRET, json.dumps(raised.kwargs))
                        self.assertEqual('message', raised.message)
                        self.assertIsNone(raised.__cause__)
                        self.assertTrue(raised.__suppress_context__)
                    else:
                        self.fail('nothing was raised')


class TestAsynchronous(RunnerCase):
    def ran(self) -> None:
        self.assertTrue(self.admission.wait(10))

    def test_its_context_is_current_in_the_worker(self) -> None:
        seen: list[Any] = []
        self.interface.action = lambda: seen.append(
            (oslo_context.get_current(), threading.current_thread())
        )
        self.call('later')
        self.ran()
        self.assertIs(self.context, seen[0][0])
        self.assertIsNot(threading.current_thread(), seen[0][1])

    def test_and_forgotten_before_the_next_call(self) -> None:
        seen: list[Any] = []
        self.interface.action = _raise(RuntimeError('no'))
        self.call('later')
        self.ran()
        # The only worker, so this comes after it.
        self.runner._executor._pool.submit(
            lambda: seen.append(oslo_context.get_current())
        ).result(10)
        self.assertEqual([None], seen)

    def test_a_failure_is_logged_with_the_request(self) -> None:
        cases: list[tuple[Callable[[], Any], str]] = [
            (_raise(errors.NotFound('no such fan')), 'no such fan'),
            (_raise(OnFire(rack='r1')), 'Rack r1 is on fire'),
            (_raise(RuntimeError('a cause')), 'a cause'),
            (_raise(SystemExit('an exit')), 'an exit'),
            (_raise(Forgetful()), 'Forgetful'),
            (object, 'cannot be serialized'),
        ]
        for action, text in cases:
            log = self.useFixture(
                fixtures.FakeLogger(level=0, nuke_handlers=True)
            )
            self.interface.action = action
            self.call('later')
            self.ran()
            self.wait_for(
                lambda out=log: 'Operation' in out.output,
                f'{text} is logged',
            )
            self.assertIn('(acme.later) of request req-1', log.output)
            self.assertIn(text, log.output)

    def test_what_ends_well_is_not_an_error(self) -> None:
        self.call('later')
        self.ran()
        self.assertNotIn('ERROR', self.log.output)
        self.assertEqual(1, len(self.interface.calls))

    def test_validation_comes_before_the_answer(self) -> None:
        self.interface.validation = _raise(
            errors.InvalidParameterValue('not today')
        )
        error = self.assertRaises(
            errors.InvalidParameterValue, self.call, 'later'
        )
        self.assertEqual('not today', error.message)
        self.ran()
        self.assertEqual([], self.interface.calls)


def _raise(error: BaseException) -> Callable[[], Any]:
    def action() -> Any:
        raise error

    return action
