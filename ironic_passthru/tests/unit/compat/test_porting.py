# SPDX-License-Identifier: Apache-2.0
"""Moving a file of a vendor: the checker, and the documented replacement."""

import importlib.util
import pathlib
import re
import shutil
import subprocess
import textwrap

import fixtures

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru.compat import porting
from ironic_passthru.drivers import loader
from ironic_passthru.rpc import protocol
from ironic_passthru.tests import base
from ironic_passthru.tests.unit.conductor import records

ROOT = pathlib.Path(__file__).parents[4]
PAGE = ROOT / 'doc/source/drivers/port-a-driver.rst'

# More than a vendor class, as many files of vendors have.
VENDOR = """\
from ironic.common import exception
from ironic.common.i18n import _, _LE
from ironic.drivers import base
from ironic.drivers.base import VendorInterface


class AcmePower(base.PowerInterface):
    def get_properties(self):
        return {}

    @base.clean_step(priority=0, abortable=True, requires_ramdisk=False)
    @base.service_step()
    def cycle(self, task):
        pass


class AcmeBIOS(base.BIOSInterface):
    @base.deploy_step(priority=0, argsinfo=None)
    @base.verify_step(priority=0)
    @base.cache_bios_settings
    def apply(self, task, settings):
        pass


def logged(function):
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)
    wrapper.__name__ = function.__name__
    return wrapper


class AcmeVendor(VendorInterface):
    def get_properties(self):
        return None

    def validate(self, task, method, **kwargs):
        pass

    def driver_validate(self, **kwargs):
        if kwargs['method'] == 'tag' and 'tag' not in kwargs:
            raise exception.MissingParameterValue(err=_('tag is missing'))

    @base.passthru(['POST'], require_exclusive_lock=False)
    def blink(self, task, seconds):
        pass

    @base.driver_passthru(['POST'], async_call=False)
    @logged
    def tag(self, ctx, tag=None, **kwargs):
        return {'tag': tag, 'request': ctx.request_id}.items()

    @base.driver_passthru(['GET'], async_call=False)
    def find(self, context, **kwargs):
        try:
            raise exception.NodeNotFound(node=kwargs['node'])
        except exception.NotFound as error:
            raise exception.InvalidParameterValue(str(error))
"""


class ReplacementTest(base.TestCase):
    """A file that is loaded after the replacement of the page only."""

    def setUp(self) -> None:
        super().setUp()
        self.directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.file = self.directory / 'acme.py'
        self.file.write_text(VENDOR)
        command = re.search(r"sed -i -E '[^']+'", PAGE.read_text())
        assert command is not None
        sed = shutil.which('sed')
        assert sed is not None
        expression = command[0].partition("'")[2].rstrip("'")
        subprocess.run([sed, '-i', '-E', expression, self.file], check=True)
        spec = importlib.util.spec_from_file_location('acme', self.file)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        self.driver = loader.make('acme', module.AcmeVendor())
        self.runner = records.conductor(self, {'acme': self.driver}).runner

    def _call(self, method: str, http_method: str, **info: object) -> object:
        return self.runner.run(
            request_context.RequestContext(request_id='req-1'),
            protocol.CallRequest(
                driver_name='acme',
                driver_method=method,
                http_method=http_method,
                info=info,
            ),
        )['return']

    def test_only_driver_methods_are_served(self) -> None:
        self.assertEqual({'tag', 'find'}, set(self.driver.methods))
        self.assertEqual({}, self.driver.spec.properties)

    def test_a_context_and_a_decorator_without_wraps(self) -> None:
        self.assertEqual(
            [['tag', 'x'], ['request', 'req-1']],
            self._call('tag', 'POST', tag='x'),
        )

    def test_exceptions(self) -> None:
        for method, http_method, info, text in (
            ('tag', 'POST', {}, 'tag is missing'),
            ('find', 'GET', {'node': 'n1'}, 'Node not found: node=n1'),
        ):
            error = self.assertRaises(
                errors.PassthruError,
                self._call,
                method,
                http_method,
                **info,
            )
            self.assertEqual((400, text), (error.status, error.message))

    def test_nothing_is_left_but_methods_of_nodes(self) -> None:
        (found,) = porting.findings(self.file)
        self.assertIn("method 'blink' of a node", str(found))


class FindingsTest(base.TestCase):
    """Lines to edit, with their numbers."""

    def test_each_kind(self) -> None:
        directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        (directory / 'acme.py').write_text(
            textwrap.dedent("""\
            import eventlet
            import ironic.common.exception
            from ironic.conf import CONF
            from ironic.common import exception, states
            from ironic.common.exception import NodeLocked
            from ironic.drivers.modules import agent
            from ironic.objects import node
            from ironic_inspector import other
            from . import ironic


            class Vendor(base.VendorInterface):
                def validate(self, task, **kwargs):
                    pass

                @base.driver_passthru(['POST'])
                def go(self, task, rack):
                    pass
            """)
        )
        (directory / 'old.py').write_text(
            "@base.driver_passthru(['GET'], async=False)\ndef go(): pass\n"
        )
        (directory / 'setup.cfg').write_text(
            '[entry_points]\nironic.hardware.interfaces.vendor =\n'
            '    acme = acme:Vendor\n'
        )
        found = [
            (each.path.name, each.line, each.found, each.replacement)
            for each in porting.findings(directory)
        ]
        for name, line, found_part, replacement in (
            ('acme.py', 1, 'import eventlet', 'native'),
            ('acme.py', 2, 'import ironic.common.exception', 'compat'),
            ('acme.py', 3, 'from ironic.conf import CONF', 'start(conf)'),
            ('acme.py', 4, 'import exception', 'compat import exception'),
            ('acme.py', 4, 'import states', 'replace or copy'),
            ('acme.py', 5, 'import NodeLocked', 'compat.exception import'),
            ('acme.py', 6, 'import agent', 'copy'),
            ('acme.py', 7, 'import node', 'no nodes'),
            ('acme.py', 13, "'validate'", 'driver_validate'),
            ('acme.py', 17, "parameter 'task'", 'context'),
            ('old.py', 1, 'syntax error', 'async_call='),
            ('setup.cfg', 2, 'entry point group', 'ironic_passthru.drivers'),
        ):
            entry = found.pop(
                next(
                    index
                    for index, each in enumerate(found)
                    if each[:2] == (name, line) and found_part in each[2]
                )
            )
            self.assertIn(replacement, entry[3])
        self.assertEqual([], found)

    def test_uses_of_a_global_configuration(self) -> None:
        file = pathlib.Path(self.useFixture(fixtures.TempDir()).path, 'a.py')
        file.write_text(
            textwrap.dedent("""\
            from oslo_config import cfg
            from acme.conf import CONF as acme
            import ironic.conf
            CONF = cfg.CONF
            CONF.register_opts([], group='acme')


            class Vendor:
                conf = {}
                CONFIG = {}

                def start(self, conf):
                    self.slots = conf.acme.slots

                def run(self):
                    self.conf.items()
                    self.CONFIG.items()
                    a = CONF.redfish.timeout + CONF.redfish.retries
                    b = cfg.CONF.agent.port
                    return ironic.conf.CONF.debug, acme.units.first
            """)
        )
        found = [
            (each.line, each.found.partition(' of a global')[0])
            for each in porting.findings(file)
            if 'start(conf)' in each.replacement
        ]
        self.assertEqual(
            [
                (3, 'import ironic.conf'),
                (5, "'CONF.register_opts'"),
                (18, "'CONF.redfish'"),
                (19, "'cfg.CONF.agent'"),
                (20, "'acme.units'"),
                (20, "'ironic.conf.CONF.debug'"),
            ],
            sorted(found),
        )

    def found(self, source: str | bytes, name: str = 'a.py') -> list[str]:
        """Return the lines, findings and remedies of one file."""
        file = pathlib.Path(self.useFixture(fixtures.TempDir()).path, name)
        if isinstance(source, str):
            source = textwrap.dedent(source).encode()
        file.write_bytes(source)
        return [
            str(each).removeprefix(f'{file}:')
            for each in porting.findings(file)
        ]

    def assert_found(self, expected: list[str], found: list[str]) -> None:
        """Compare the findings with their starts."""
        self.assertEqual(len(expected), len(found), found)
        for start, text in zip(expected, found, strict=True):
            self.assertTrue(text.startswith(start), (start, text))

    def test_names_that_are_missing_after_the_replacement(self) -> None:
        found = self.found("""\
            from ironic_passthru.compat import exception, states
            from ironic_passthru.compat.base import RAID_CONFIG, BaseStep
            from ironic_passthru.compat.exception import AcmeNotFound
            from ironic_passthru.compat.exception import *
            from ironic_passthru.compat import base as b, metrics_utils
            METRICS = metrics_utils.get_metrics_logger(__name__)


            class Vendor(b.VendorInterface):
                metadata = b.VendorMetadata

                @METRICS.timer('Vendor.go')
                def go(self, state):
                    return states.ON if state else states.OFF

                def local(self, states):
                    return states.ON
        """)
        self.assert_found(
            [
                '1: from ironic_passthru.compat import states -> replace',
                '2: from ironic_passthru.compat.base import RAID_CONFIG ->',
                '4: from ironic_passthru.compat.exception import * -> from '
                'ironic_passthru.compat import exception, and exception.NAME',
                '5: from ironic_passthru.compat import metrics_utils -> del',
                "6: use of 'metrics_utils' -> delete it",
                "10: use of 'b.VendorMetadata' -> replace",
                "12: use of 'METRICS' -> delete it",
                "14: use of 'states' -> replace",
            ],
            found,
        )

    def test_imports_and_their_aliases(self) -> None:
        found = self.found("""\
            import ironic.common.exception as exc
            import ironic.drivers.base
            from ironic.drivers.base import ALL_INTERFACES
            from ironic_lib import utils
            from ironic.drivers import generic


            class Acme(generic.GenericHardware):
                base = ironic.drivers.base.BaseInterface
                error = exc.NodeLocked
        """)
        compat = 'from ironic_passthru.compat import'
        self.assert_found(
            [
                f'1: import ironic.common.exception as exc -> {compat} '
                'exception as exc',
                f'2: import ironic.drivers.base -> {compat} base',
                '3: from ironic.drivers.base import ALL_INTERFACES -> replace',
                '4: from ironic_lib import utils -> replace',
                '5: from ironic.drivers import generic -> delete the hardware',
                "8: use of 'generic' -> delete the hardware type",
                "9: use of 'ironic.drivers.base' -> base, which the new",
            ],
            found,
        )

    def test_driver_methods(self) -> None:
        found = self.found("""\
            from ironic_passthru.compat.base import driver_passthru as served
            from ironic_passthru.compat import base
            published = base.driver_passthru


            class Vendor(base.VendorInterface):
                @served(['GET'])
                def one(self, context, *, task): pass

                @published(['GET'])
                async def two(self, context, method): pass
        """)
        self.assert_found(
            [
                "8: driver method 'one' with the parameter 'task'",
                "11: driver method 'two' with the parameter 'method'",
                "11: driver method 'two' is a coroutine",
            ],
            found,
        )

    def test_entry_points(self) -> None:
        group = 'ironic.hardware.interfaces.vendor'
        source = f"""\
            from setuptools import setup
            # {group}
            setup(entry_points={{'{group}': ['acme = acme:Vendor']}})
        """
        self.assert_found(
            [f"3: entry point group '{group}'"],
            self.found(source, 'setup.py'),
        )
        self.assertEqual([], self.found(source))
        self.assertEqual([], self.found(f'# {group}\n', 'setup.cfg'))

    def test_files_that_cannot_be_parsed(self) -> None:
        self.assertEqual([], self.found(b'\xef\xbb\xbfimport os\n'))
        self.assert_found(
            ['1: an expression with too many levels'],
            self.found(f'x = {"-" * 100_000}1\n'),
        )
        self.assert_found(['1: syntax error'], self.found(b'\0'))

    def test_the_text_of_a_finding(self) -> None:
        finding = porting.Finding(pathlib.Path('a.py'), 3, 'x', 'y')
        self.assertEqual('a.py:3: x -> y', str(finding))

    def test_a_missing_path(self) -> None:
        self.assertRaises(
            FileNotFoundError, porting.findings, pathlib.Path('no-such.py')
        )
