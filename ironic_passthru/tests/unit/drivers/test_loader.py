# SPDX-License-Identifier: Apache-2.0
"""Loading, starting and stopping of drivers."""

import functools
import importlib.metadata
import io
import json
import logging
import os
import pathlib
import re
import sys
from collections.abc import Callable
from typing import Annotated
from typing import Any
from unittest import mock

import fixtures
import pydantic
from oslo_config import cfg

from ironic_passthru import errors
from ironic_passthru.drivers import base as driver_base
from ironic_passthru.drivers import entry_points
from ironic_passthru.drivers import fake
from ironic_passthru.drivers import loader
from ironic_passthru.testing import service
from ironic_passthru.tests import base

EVENTS: list[str] = []


class Recorder(driver_base.VendorInterface):
    """Notes when it is started and stopped."""

    @driver_base.driver_passthru(['GET'])
    def events(self) -> list[str]:
        """Return the events."""
        return EVENTS

    def start(self, conf: Any) -> None:
        EVENTS.append(f'start {conf.host}')

    def stop(self) -> None:
        EVENTS.append('stop')


class Second(Recorder):
    def stop(self) -> None:
        EVENTS.append('stop second')


class StopFails(Recorder):
    def stop(self) -> None:
        EVENTS.append('stop fails')
        raise SystemExit(3)


class InitFails(driver_base.VendorInterface):
    def __init__(self) -> None:
        raise RuntimeError('no library\nfor this')


class InitExits(driver_base.VendorInterface):
    def __init__(self) -> None:
        sys.exit(3)


class InitAsserts(driver_base.VendorInterface):
    def __init__(self) -> None:
        raise AssertionError


class StartFails(Recorder):
    def start(self, conf: Any) -> None:
        raise OSError('no such device')


class StartExits(Recorder):
    def start(self, conf: Any) -> None:
        raise SystemExit('enough')


class StartInterrupted(Recorder):
    def start(self, conf: Any) -> None:
        raise KeyboardInterrupt


class StartRefuses(Recorder):
    def start(self, conf: Any) -> None:
        raise errors.ConfigError('[acme] address is missing')


class PropertiesFail(Recorder):
    def get_properties(self) -> dict[str, str]:
        raise KeyError('rack')


class NeedsArgument(Recorder):
    def __init__(self, rack: str) -> None: ...


class OptionOutOfBounds(Recorder):
    def start(self, conf: Any) -> None:
        conf.register_opts([cfg.IntOpt('racks', max=1)], 'acme')
        with mock.patch.dict(os.environ, OS_ACME__RACKS='5'):
            _ = conf.acme.racks


class StartUnprintable(Recorder):
    def start(self, conf: Any) -> None:
        class Unprintable(Exception):
            def __str__(self) -> str:
                raise RuntimeError('no text')

        raise Unprintable


class StartReveals(Recorder):
    def start(self, conf: Any) -> None:
        raise ConnectionError('no https://me:hunter2@bmc: password=hunter3')


class NoDriver:
    pass


class Login(pydantic.BaseModel):
    user: str
    pin: int


class Dangerous(driver_base.VendorInterface):
    @driver_base.driver_passthru(['POST'], dangerous=True)
    def erase(self) -> None: ...

    @driver_base.driver_passthru(['POST'])
    def harmless(self) -> None: ...


class ChattyLogs(Recorder):
    """Adds handlers of the log, as libraries of vendors do."""

    stream = io.StringIO()

    def __init__(self) -> None:
        self._handle('acme.made')

    def start(self, conf: Any) -> None:
        logging.getLogger('acme.made').error('made: password=hunter2')
        self._handle('acme.started')

    def _handle(self, name: str) -> None:
        handler = logging.StreamHandler(self.stream)
        logging.getLogger(name).addHandler(handler)

    def stop(self) -> None:
        for name in ('acme.made', 'acme.started'):
            logging.getLogger(name).handlers.clear()


class LoadTest(base.TestCase):
    """Loading by entry point."""

    def setUp(self) -> None:
        super().setUp()
        EVENTS.clear()
        self.conf = self.make_conf(host='here')

    def _load(self, names: list[str]) -> dict[str, loader.Driver]:
        self.conf.set_override('enabled_drivers', names, group='conductor')
        return loader.load(self.conf)

    def _offer(self, **targets: str) -> None:
        """Install a package with entry points of these names and targets."""
        self._install(
            'acme-drivers',
            {
                name: target if ':' in target else f'{__name__}:{target}'
                for name, target in targets.items()
            },
        )

    def _install(self, package: str, targets: dict[str, str]) -> None:
        directory = self.useFixture(fixtures.TempDir()).path
        name = f'{package.replace("-", "_")}-1.0.dist-info'
        metadata = pathlib.Path(directory, name)
        metadata.mkdir()
        (metadata / 'METADATA').write_text(f'Name: {package}\nVersion: 1.0\n')
        lines = [f'{name} = {target}' for name, target in targets.items()]
        (metadata / 'entry_points.txt').write_text(
            '\n'.join([f'[{entry_points.NAMESPACE}]', *lines])
        )
        self.useFixture(
            fixtures.MonkeyPatch('sys.path', [directory, *sys.path])
        )

    def _fail(self, target: str) -> str:
        """Return the message of the error when loading ``target``."""
        self._offer(first='Recorder', acme=target)
        error = self.assertRaises(
            errors.DriverLoadError, self._load, ['first', 'acme']
        )
        self.assertEqual(['start here', 'stop'], EVENTS)
        self.assertTrue(
            error.message.startswith("Driver 'acme' cannot be loaded: ")
        )
        self.assertNotIn('\n', error.message)
        return error.kwargs['reason']

    def test_allowed_dangerous_methods(self) -> None:
        self._offer(acme='Dangerous', zeta='Dangerous')
        log = self.useFixture(fixtures.FakeLogger(level=0))
        self.conf.set_override(
            'allowed_dangerous_methods',
            ['acme.*', 'acme.harmless', 'zeta.wipe', 'beta.*'],
            group='conductor',
        )
        drivers = self._load(['acme', 'zeta'])
        self.assertTrue(drivers['acme'].spec.methods['erase'].allowed)
        self.assertFalse(drivers['zeta'].spec.methods['erase'].allowed)
        unused = [line for line in log.output.splitlines() if 'danger' in line]
        self.assertEqual(3, len(unused), log.output)
        for entry, line in zip(
            ('acme.harmless', 'zeta.wipe', 'beta.*'), unused, strict=True
        ):
            self.assertIn(
                f"allowed_dangerous_methods: '{entry}' matches no", line
            )

    def test_handlers_that_drivers_add_are_masked(self) -> None:
        self._offer(acme='ChattyLogs')
        drivers = self._load(['acme'])
        self.addCleanup(loader.stop, drivers.values())
        logging.getLogger('acme.started').error('started: password=hunter2')
        self.assertEqual(
            'made: password=***\nstarted: password=***\n',
            ChattyLogs.stream.getvalue(),
        )

    def test_fake_hardware_is_an_entry_point(self) -> None:
        drivers = self._load(['fake-hardware'])
        driver = drivers['fake-hardware']
        self.assertIsInstance(driver.interface, fake.FakeVendor)
        self.assertEqual('fake-hardware', driver.spec.name)
        self.assertEqual(set(driver.methods), set(driver.spec.methods))
        loader.stop(drivers.values())

    def test_starts_in_order_and_stops_in_reverse(self) -> None:
        self._offer(a='Recorder', b='Second')
        drivers = self._load(['a', 'b'])
        self.assertEqual(['a', 'b'], list(drivers))
        self.assertEqual(['start here', 'start here'], EVENTS)
        loader.stop(drivers.values())
        self.assertEqual(['stop second', 'stop'], EVENTS[2:])

    def test_one_that_fails_to_stop_keeps_no_other_from_it(self) -> None:
        self._offer(a='Recorder', b='StopFails')
        loader.stop(self._load(['a', 'b']).values())
        self.assertEqual(['stop fails', 'stop'], EVENTS[2:])

    def test_no_drivers(self) -> None:
        self.assertEqual({}, self._load([]))

    def test_unknown_name_lists_known_ones(self) -> None:
        error = self.assertRaises(errors.DriverLoadError, self._load, ['acme'])
        self.assertEqual(
            "Driver 'acme' cannot be loaded: no such entry point in "
            'ironic_passthru.drivers (there are: fake-hardware, redfish)',
            error.message,
        )

    def test_two_packages_with_one_name(self) -> None:
        target = f'{__name__}:Recorder'
        self._install('acme-old', {'acme': target})
        self._install('acme-new', {'acme': target})
        error = self.assertRaises(errors.DriverLoadError, self._load, ['acme'])
        self.assertIn(
            f'several packages define it: acme-new ({target}) and acme-old '
            f'({target}); uninstall all but one',
            error.message,
        )

    def test_a_similar_name_is_suggested(self) -> None:
        self._offer(acme='Recorder')
        error = self.assertRaises(errors.DriverLoadError, self._load, ['acne'])
        self.assertIn("did you mean 'acme'?", error.message)

    def test_an_entry_point_names_a_module(self) -> None:
        self._install('acme', {'acme': 'ironic_passthru.drivers.fake'})
        error = self.assertRaises(errors.DriverLoadError, self._load, ['acme'])
        self.assertIn(
            "names a module; write 'acme = ironic_passthru.drivers.fake:"
            "FakeVendor'",
            error.message,
        )

    def test_failures(self) -> None:
        file = re.escape(__file__)
        for target, reason in (
            (
                'InitFails',
                rf'\({file}:\d+\): RuntimeError: no library for this',
            ),
            (
                'InitExits',
                rf'\({file}:\d+\): SystemExit: 3; raise an exception instead',
            ),
            ('InitAsserts', rf'\({file}:\d+\): AssertionError'),
            (
                'StartFails',
                rf'start\(\) failed \({file}:\d+\): OSError: no such device',
            ),
            (
                'StartExits',
                rf'start\(\) failed \({file}:\d+\): SystemExit: enough; .*',
            ),
            (
                'PropertiesFail',
                rf"get_properties\(\) failed \({file}:\d+\): KeyError: 'rack'",
            ),
            (
                'NeedsArgument',
                rf"\({file}:\d+\): TypeError: .* argument: 'rack'",
            ),
            (
                'StartUnprintable',
                rf'start\(\) failed \({file}:\d+\): Unprintable, whose text '
                'cannot be read',
            ),
            (
                'StartReveals',
                rf'start\(\) failed \({file}:\d+\): ConnectionError: no '
                r'https://me:\*\*\*@bmc: password=\*\*\*',
            ),
            (
                'OptionOutOfBounds',
                rf'start\(\) failed \({file}:\d+\): .* option racks from '
                'OS_ACME__RACKS is not valid: Should be less than or equal .*',
            ),
            (
                'NoDriver',
                rf'{file}:\d+: NoDriver is not a VendorInterface; inherit .*',
            ),
            (
                'Recordr',
                r".* 'Recordr'; did you mean 'Recorder'\? \(after .*",
            ),
            (
                f'{__name__}.Recorder:Recorder',
                rf".*; write '{__name__}:Recorder' for a class in it",
            ),
            ('EVENTS', r'.* names a list object instead of a class'),
            ('json:dumps', r'TypeError: .*'),
            ('json:nothing', r".*AttributeError: .* 'nothing' \(after .*"),
            (
                'no.such.module:Driver',
                r".* module 'no' is not installed",
            ),
        ):
            EVENTS.clear()
            self.assertRegex(self._fail(target), f'^{reason}$')

    def test_options_that_start_cannot_read(self) -> None:
        conf = service.configuration(
            '[acme]\nslots = many\npassword = a$hunter2\n'
        )
        options = [cfg.IntOpt('slots'), cfg.StrOpt('password', secret=True)]
        conf.register_opts(options, group='acme')
        for option, reason in (
            ('slots', r'slots from /\S+\.conf is not valid: .*many'),
            ('password', r'a literal \$ must be written \$\$$'),
            ('racks', r'no such option racks in group \[acme\]'),
        ):
            with (
                self.assertRaisesRegex(
                    errors.DriverLoadError,
                    rf'failed \({re.escape(__file__)}:\d+\): \w+: .*{reason}',
                ) as raised,
                entry_points.reported('acme', 'start() failed'),
            ):
                conf.acme[option]
            self.assertNotIn('hunter2', str(raised.exception))

    def test_module_that_fails_to_import(self) -> None:
        directory = self.useFixture(fixtures.TempDir())
        for name, text in (
            ('acme_missing', 'import acme_sdk'),
            ('acme_broken', '\ndef'),
            ('acme_exits', '\n\nraise SystemExit(3)'),
            ('acme_cancelled', 'raise __import__("asyncio").CancelledError'),
            ('acme_license', 'raise ModuleNotFoundError("set ACME_HOME")'),
            (
                'acme_helper',
                'import acme_table\n',
            ),
            ('acme_table', "\nTABLE = {}['key']"),
        ):
            with open(directory.join(f'{name}.py'), 'w') as module:
                module.write(text)
        self.useFixture(
            fixtures.MonkeyPatch('sys.path', [directory.path, *sys.path])
        )
        self.addCleanup(importlib.invalidate_caches)
        importlib.invalidate_caches()
        for name, words in (
            ('acme_missing', "'acme_sdk' is not installed"),
            ('acme_broken', 'acme_broken.py:2): SyntaxError'),
            ('acme_exits', 'acme_exits.py:3): SystemExit: 3'),
            ('acme_cancelled', 'acme_cancelled.py:1): CancelledError'),
            ('acme_license', 'ModuleNotFoundError: set ACME_HOME'),
            ('acme_helper', "acme_table.py:2): KeyError: 'key'"),
        ):
            EVENTS.clear()
            self.assertIn(words, self._fail(f'{name}:Driver'))

    def test_configuration_errors_stay_what_they_are(self) -> None:
        self._offer(first='Recorder', acme='StartRefuses')
        error = self.assertRaises(
            errors.ConfigError, self._load, ['first', 'acme']
        )
        self.assertEqual('[acme] address is missing', error.message)
        self.assertEqual(['start here', 'stop'], EVENTS)

    def test_interrupt_of_the_operator_passes(self) -> None:
        self._offer(first='Recorder', acme='StartInterrupted')
        self.assertRaises(KeyboardInterrupt, self._load, ['first', 'acme'])
        self.assertEqual(['start here', 'stop'], EVENTS)


def _traced(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return ['traced', function(*args, **kwargs)]

    return wrapper


class Parent(driver_base.VendorInterface):
    @driver_base.driver_passthru(['GET'], async_call=False)
    def inherited(self) -> str:
        return 'parent'

    @driver_base.driver_passthru(['GET'])
    def overridden(self, slot: int) -> str:
        return 'parent'

    @driver_base.driver_passthru(['GET'])
    def withdrawn(self) -> str:
        return 'parent'


class Child(Parent):
    """Inherits, overrides, withdraws."""

    proxy = type('Proxy', (), {'__getattr__': lambda self, name: self})()

    @property
    def broken(self) -> None:
        raise RuntimeError('not yet connected')

    @driver_base.driver_passthru(['PUT'], method='overridden')
    def other_function(self, slot: str) -> str:
        return 'child'

    # Without the decorator it is not published.
    overridden = None

    def withdrawn(self) -> str:
        return 'child'

    @driver_base.driver_passthru(['POST'])
    @_traced
    def traced_inside(self, slot: int) -> int:
        """Return the slot."""
        return slot

    @_traced
    @driver_base.driver_passthru(['POST'])
    def traced_outside(self, slot: int) -> int:
        return slot


class MakeTest(base.TestCase):
    """From an instance to what it offers."""

    def _refuse(self, interface: Any, words: str) -> None:
        error = self.assertRaises(
            errors.DriverLoadError, loader.make, 'acme', interface
        )
        self.assertIn("Driver 'acme' cannot be loaded", error.message)
        self.assertIn(words, re.sub(r' \(/\S+:\d+\)', '', error.message))

    def test_what_the_api_would_not_accept(self) -> None:
        elsewhere = pydantic.WithJsonSchema({'$ref': 'http://127.0.0.1:9/s'})

        class Odd(driver_base.VendorInterface):
            @driver_base.driver_passthru(['GET'])
            def tag(self, x: Annotated[Any, elsewhere]) -> None: ...

        for words in (
            "method 'tag': parameter 'x': invalid JSON Schema",
            "$ref 'http://127.0.0.1:9/s'",
            "refer to it as '#/$defs/NAME'",
        ):
            self._refuse(Odd(), words)

    def test_inheritance(self) -> None:
        driver = loader.make('child', Child())
        self.assertEqual(
            {
                'inherited',
                'overridden',
                'traced_inside',
                'traced_outside',
            },
            set(driver.methods),
        )
        overridden = driver.methods['overridden']
        self.assertEqual(('PUT',), overridden.spec.http_methods)
        self.assertEqual('child', overridden.function(slot='1'))
        self.assertEqual('parent', driver.methods['inherited'].function())

    def test_decorators(self) -> None:
        driver = loader.make('child', Child())
        for name in ('traced_inside', 'traced_outside'):
            method = driver.methods[name]
            self.assertEqual(['slot'], list(method.spec.schema['required']))
            self.assertEqual(['traced', 3], method.function(slot=3))
        self.assertEqual(
            'Return the slot.',
            driver.methods['traced_inside'].spec.description,
        )

    def test_two_methods_of_one_name(self) -> None:
        class Twice(driver_base.VendorInterface):
            @driver_base.driver_passthru(['GET'])
            def reset(self) -> None: ...

            @driver_base.driver_passthru(['PUT'], method='reset')
            def other(self) -> None: ...

        self._refuse(
            Twice(), 'has the same name; give one of them another name'
        )

    def test_unusable_signatures_name_the_method(self) -> None:
        class Reserved(driver_base.VendorInterface):
            @driver_base.driver_passthru(['GET'], method='named')
            def function(self, method: str) -> None: ...

        class Unresolved(driver_base.VendorInterface):
            @driver_base.driver_passthru(['GET'])
            def function(self, slot: 'Slot') -> None: ...  # noqa: F821

        class Positional(driver_base.VendorInterface):
            @driver_base.driver_passthru(['GET'])
            def function(self, *args: Any) -> None: ...

        self._refuse(Reserved(), "method 'named': 'method' is reserved")
        self._refuse(Unresolved(), "method 'function': an annotation cannot")
        self._refuse(Positional(), "method 'function': parameter 'args'")

    def test_timeout_and_target_are_published(self) -> None:
        class Acme(driver_base.VendorInterface):
            @driver_base.driver_passthru(
                ['GET'], timeout=9, target=['bmc', 'extra']
            )
            def method(self, bmc: str, **kwargs: Any) -> None: ...

        method = loader.make('acme', Acme()).spec.methods['method']
        self.assertEqual(9, method.timeout)
        self.assertEqual(('bmc', 'extra'), method.target)

    def test_targets_that_no_call_can_have(self) -> None:
        class Unknown(driver_base.VendorInterface):
            @driver_base.driver_passthru(['GET'], target='bmc')
            def method(self, rack: str) -> None: ...

        class Injected(driver_base.VendorInterface):
            @driver_base.driver_passthru(['GET'], target='context')
            def method(self, context: Any, **kwargs: Any) -> None: ...

        self._refuse(
            Unknown(), "'method': its target 'bmc' is not a parameter"
        )
        self._refuse(Injected(), "its target 'context' is not a parameter")

    def test_dangerous_methods(self) -> None:
        class Acme(driver_base.VendorInterface):
            @driver_base.driver_passthru(['POST'])
            def harmless(self) -> None: ...

            @driver_base.driver_passthru(['POST'], dangerous=True)
            def erase(self) -> None: ...

            @driver_base.driver_passthru(['POST'], dangerous=True)
            def erase_all(self) -> None: ...

        for allowed, wanted in (
            ([], set()),
            (['*'], {'erase', 'erase_all'}),
            (['acme.*'], {'erase', 'erase_all'}),
            (['acme.erase'], {'erase'}),
            (['acme.erase?all'], {'erase_all'}),
            (['*.erase', 'x'], {'erase'}),
            (['erase', 'ACME.erase', 'acme.Erase', 'zeta.*', ''], set()),
        ):
            methods = loader.make('acme', Acme(), allowed=allowed).spec.methods
            self.assertFalse(methods['harmless'].dangerous)
            self.assertTrue(methods['harmless'].allowed)
            self.assertTrue(methods['erase'].dangerous)
            self.assertEqual(
                wanted | {'harmless'},
                {name for name, spec in methods.items() if spec.allowed},
                allowed,
            )

    def test_patterns_of_names_with_dots(self) -> None:
        class Acme(driver_base.VendorInterface):
            @driver_base.driver_passthru(['POST'], dangerous=True)
            def erase(self) -> None: ...

            @driver_base.driver_passthru(
                ['POST'], method='raid.erase', dangerous=True
            )
            def erase_raid(self) -> None: ...

        # Names of two drivers, and which of their methods each allows.
        both = {'erase', 'raid.erase'}
        for pattern, acme, lab in (
            ('acme.*', both, set()),
            ('acme.erase', {'erase'}, set()),
            ('acme.lab.*', set(), both),
            ('acme.lab.erase', set(), {'erase'}),
            ('acme.raid.erase', {'raid.erase'}, set()),
            ('acme.raid.*', {'raid.erase'}, set()),
            ('acme?*.erase', set(), {'erase'}),
            ('*.erase', {'erase'}, {'erase'}),
            ('*.raid.erase', {'raid.erase'}, {'raid.erase'}),
            ('*.*', both, both),
            ('*', both, both),
            ('acme*', set(), set()),
            ('?cme.*', both, set()),
            # Nothing else stands for something else.
            ('[a]cme.*', set(), set()),
            ('acme.eras[e]', set(), set()),
            ('acm\\e.*', set(), set()),
            ('acme.erase\n', set(), set()),
        ):
            for name, wanted in (('acme', acme), ('acme.lab', lab)):
                methods = loader.make(name, Acme(), allowed=[pattern]).methods
                self.assertEqual(
                    wanted,
                    {m for m, one in methods.items() if one.spec.allowed},
                    (pattern, name),
                )

    def test_a_driver_validate_that_cannot_be_called(self) -> None:
        class Acme(driver_base.VendorInterface):
            driver_validate = None  # type: ignore[assignment]

        self._refuse(Acme(), "'driver_validate' is not a function")

    def test_secrets_are_published(self) -> None:
        class Acme(driver_base.VendorInterface):
            @driver_base.driver_passthru(
                ['POST'], secret=['seed', 'login', 'ticket']
            )
            def method(
                self, login: Login, seed: str = 's3cret', rack: str = 'r1'
            ) -> dict[str, Any]: ...

        spec = loader.make('acme', Acme()).spec.methods['method']
        self.assertEqual(('seed', 'login', 'ticket'), spec.secret)
        properties = spec.schema['properties']
        self.assertIs(True, properties['seed']['writeOnly'])
        self.assertIs(True, properties['login']['writeOnly'])
        self.assertNotIn('writeOnly', properties['rack'])
        self.assertNotIn('s3cret', json.dumps(spec.schema))
        self.assertEqual(['login'], spec.schema['required'])
        spec.parameters.check({'login': {'user': 'u', 'pin': 1}})
        self.assertRaises(
            errors.InvalidParameters,
            spec.parameters.check,
            {'login': {'user': 'u'}},
        )

    def test_secrets_of_types_without_a_schema(self) -> None:
        class Acme(driver_base.VendorInterface):
            @driver_base.driver_passthru(['POST'])
            def method(
                self,
                pin: pydantic.Secret[int],
                pins: list[pydantic.Secret[int]] | None = None,
            ) -> None: ...

        spec = loader.make('acme', Acme()).spec.methods['method']
        self.assertEqual(
            {'pin': '***', 'pins': ['***']},
            spec.masked({'pin': 1234, 'pins': [1]}),
        )

    def test_secrets_that_are_found_nowhere(self) -> None:
        mark = driver_base.driver_passthru

        class Nothing(driver_base.VendorInterface):
            @mark(['POST'], secret='pin')
            def method(self, rack: str) -> None: ...

        class Model(driver_base.VendorInterface):
            @mark(['POST'], secret='pim')
            def method(self, login: Login) -> list[Login]: ...

        class Attached(driver_base.VendorInterface):
            @mark(['POST'], secret='pin', attach=True)
            def method(self) -> Any: ...

        for interface in (Nothing(), Model(), Attached()):
            self._refuse(
                interface, 'is neither a parameter nor a field of the result'
            )

    def test_secrets_that_may_be_found(self) -> None:
        mark = driver_base.driver_passthru

        class Acme(driver_base.VendorInterface):
            @mark(['POST'], secret='pin')
            def parameter(self, pin: str) -> None: ...

            @mark(['POST'], secret='pin')
            def any_name(self, **kwargs: int) -> None: ...

            @mark(['POST'], secret='pin')
            def nested(self, logins: list[Login]) -> None: ...

            @mark(['POST'], secret='pin')
            def no_annotation(self): ...  # type: ignore[no-untyped-def]

            @mark(['POST'], secret='pin')
            def foreign(self) -> 'NoSuchType': ...  # type: ignore # noqa: F821

            @mark(['POST'], secret='pin')
            def opaque(self) -> NoDriver: ...

            @mark(['POST'], secret='pin')
            def model(self) -> dict[str, int] | list[Login] | None: ...

            @mark(['POST'], secret='return')
            def text(self) -> str: ...

            @mark(['POST'], secret='return', attach=True)
            def attached(self) -> bytes: ...

        methods = loader.make('acme', Acme()).methods
        self.assertEqual(9, len(methods))
        self.assertEqual('***', methods['text'].result.masked_result('x'))

    def test_properties(self) -> None:
        class Wrong(Parent):
            def get_properties(self) -> Any:
                return ['rack']

        class Numbers(Parent):
            def get_properties(self) -> Any:
                return {'rack': 3}

        class Nothing(Parent):
            def get_properties(self) -> Any:
                return None

        self._refuse(
            Wrong(), 'get_properties() failed: TypeError: it returned a list'
        )
        self.assertEqual(
            {'rack': '3'}, loader.make('acme', Numbers()).spec.properties
        )
        self.assertEqual({}, loader.make('acme', Nothing()).spec.properties)

    def test_class_instead_of_instance(self) -> None:
        self._refuse(Parent, 'is not a VendorInterface')

    def test_a_class_of_ironic(self) -> None:
        parent = type('Parent', (), {'__module__': 'ironic.drivers.base'})
        child = type('Child', (parent,), {})
        self._refuse(child(), "'ironic-passthru-driver port PATH'")

    def test_spec_is_json(self) -> None:
        spec = loader.make('child', Child()).spec
        json.dumps(spec.to_document(), allow_nan=False)
        self.assertEqual(
            spec.digest, loader.make('child', Child()).spec.digest
        )
