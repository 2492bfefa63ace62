# SPDX-License-Identifier: Apache-2.0
"""Child processes that drivers fork end where they leave the driver."""

import json
import subprocess
import sys
from typing import Any

from ironic_passthru.tests import base

_TIMEOUT_SECONDS = 60

# Each process that comes to the end of the program prints a line, and so does
# each record of the log. Before the fork, output is written through.
_PROGRAM = """
import json, logging, multiprocessing, os, sys
from typing import Annotated
import pydantic
from oslo_config import cfg
from ironic_passthru import errors
from ironic_passthru.conductor import execution
from ironic_passthru.conf import conductor
from ironic_passthru import context as request_context
from ironic_passthru.drivers import base, entry_points, loader
from ironic_passthru.rpc import protocol

logging.basicConfig(stream=sys.stdout, level=logging.ERROR,
                    format='"%(levelname)s"')
place, leave = sys.argv[1:]
children = []


def fork(where):
    if where != place:
        return
    child = os.fork()
    if child:
        children.append(child)
    elif leave == 'exit':
        sys.exit(7)
    elif leave == 'raise':
        raise KeyError('lost')
    elif leave == 'refuse':
        raise errors.DriverError('refused')


def check(value):
    fork('convert')
    return value


class Vendor(base.VendorInterface):
    def __init__(self):
        fork('load')

    def start(self, conf):
        fork('start')

    def stop(self):
        fork('stop')

    def get_properties(self):
        fork('properties')
        return {}

    def driver_validate(self, method, **kwargs):
        fork('validate')

    @base.driver_passthru(['POST'], async_call=False)
    def act(self, slot: Annotated[int, pydantic.AfterValidator(check)]):
        fork('method')
        if place == 'process':
            context = multiprocessing.get_context('fork')
            process = context.Process(target=sys.exit, args=(7,))
            process.start()
            process.join()
            return process.exitcode
        return (fork('result') for _ in range(1))


entry_points.instance = lambda name, **_options: Vendor()
conf = cfg.ConfigOpts()
conf.register_opts(conductor.OPTS, group='conductor')
conf.set_override('enabled_drivers', ['acme'], group='conductor')
driver = loader.load(conf)['acme']
context = request_context.RequestContext()
call = protocol.CallRequest('acme', 'act', 'POST', {'slot': 1}, call_id='1')
job = execution.prepare(context, call, driver=driver,
                        method=driver.methods['act'])
result = execution.execute(job, request_context.CallState(),
                           max_result_size=1000)
loader.stop([driver])
statuses = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            for child in children]
print(json.dumps([result.value, statuses]), flush=True)
"""

_PLACES = (
    'load',
    'start',
    'properties',
    'convert',
    'validate',
    'method',
    'result',
    'stop',
)


class TestForkedChildren(base.TestCase):
    """Only the process that was there before goes on."""

    def lines(self, *arguments: str) -> list[Any]:
        done = subprocess.run(
            [sys.executable, '-W', 'ignore', '-c', _PROGRAM, *arguments],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
        )
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual('', done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def test_each_place_where_drivers_run(self) -> None:
        for place in _PLACES:
            # These two wrap what a driver raises.
            known = place not in ('start', 'properties')
            self.assertEqual(
                [[[None], [7 if known else 1]]],
                self.lines(place, 'exit'),
                place,
            )

    def test_each_way_to_leave(self) -> None:
        for leave in ('return', 'raise', 'refuse'):
            self.assertEqual(
                [[[None], [1]]], self.lines('method', leave), leave
            )

    def test_children_that_do_not_come_back_are_left_alone(self) -> None:
        self.assertEqual([[7, []]], self.lines('process', ''))
