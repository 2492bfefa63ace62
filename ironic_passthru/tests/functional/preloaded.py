# SPDX-License-Identifier: Apache-2.0
"""Commands run in forks of a process that has imported them before.

The imports of a command take a second of CPU time, most of what a command
that ends with an error message takes. A default that is evaluated during the
imports, such as that of state_path, is the same for all commands.
"""

import atexit
import collections.abc
import json
import os
import pathlib
import select
import shutil
import subprocess
import sys
import tempfile
import threading

from ironic_passthru.tests.functional import processes

# Command name to module of its function main().
_MODULES = {
    'ironic-passthru': 'ironic_passthru.cmd.all_in_one',
    'ironic-passthru-api': 'ironic_passthru.cmd.api',
    'ironic-passthru-conductor': 'ironic_passthru.cmd.conductor',
    'ironic-passthru-dbsync': 'ironic_passthru.cmd.dbsync',
    'ironic-passthru-driver': 'ironic_passthru.cmd.driver',
    'ironic-passthru-status': 'ironic_passthru.cmd.status',
}
# Imported by commands when they need them.
_IMPORTS = (
    'ironic_passthru.api.app',
    'ironic_passthru.conductor.service',
    'ironic_passthru.db.migration',
    'ironic_passthru.drivers.fake',
    'keystonemiddleware.auth_token',
    'oslo_messaging._drivers.impl_rabbit',
)
OPENSTACK = 'openstack'
_OPENSTACK_IMPORTS = ('ironic_passthru.tests.functional.openstack_imports',)

# Reads one JSON object a line, prints one exit status a line. Only the child
# reads environment and arguments, as the installed script would.
_SERVER = """
import gc, importlib, json, os, sys
names, more = json.loads(sys.argv[1])
modules = {
    command: importlib.import_module(name) for command, name in names.items()
}
for name in more:
    importlib.import_module(name)
# The collection at the end of a child would visit all objects of the imports.
gc.freeze()
for line in sys.stdin:
    request = json.loads(line)
    pid = os.fork()
    if not pid:
        os.chdir(request['cwd'])
        os.environ.clear()
        os.environ.update(request['env'])
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number, name in enumerate(request['outputs'], 1):
            os.dup2(os.open(name, os.O_WRONLY), number)
        sys.argv = request['argv']
        sys.exit(modules[os.path.basename(sys.argv[0])].main())
    _, status = os.waitpid(pid, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
"""


class _Server:
    """One process that forks, for all tests of a worker.

    :param modules: modules of functions ``main()`` by command.
    :param imports: further modules.
    """

    def __init__(
        self,
        modules: collections.abc.Mapping[str, str],
        imports: collections.abc.Sequence[str],
    ) -> None:
        self._arguments = json.dumps([modules, imports])
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def run(
        self,
        command: str,
        arguments: collections.abc.Sequence[str],
        *,
        environment: collections.abc.Mapping[str, str],
        cwd: pathlib.Path,
        seconds: float,
    ) -> subprocess.CompletedProcess[str]:
        argv = [processes.command(command), *arguments]
        with (
            self._lock,
            tempfile.NamedTemporaryFile('r') as out,
            tempfile.NamedTemporaryFile('r') as err,
        ):
            process = self._started()
            assert process.stdin and process.stdout
            request = {
                'argv': argv,
                'env': dict(environment),
                'cwd': str(cwd),
                'outputs': [out.name, err.name],
            }
            process.stdin.write(json.dumps(request) + '\n')
            process.stdin.flush()
            if not select.select([process.stdout], [], [], seconds)[0]:
                self.stop()
                raise subprocess.TimeoutExpired(argv, seconds)
            status = int(process.stdout.readline())
            return subprocess.CompletedProcess(
                argv, status, out.read(), err.read()
            )

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None:
            # Defaults that depend on the environment are evaluated here.
            home = tempfile.mkdtemp()
            atexit.register(shutil.rmtree, home, ignore_errors=True)
            self._process = subprocess.Popen(
                # Without the working directory in sys.path.
                [sys.executable, '-P', '-c', _SERVER, self._arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, 'HOME': home, 'XDG_STATE_HOME': home},
                start_new_session=True,
            )
            atexit.register(self.stop)
        return self._process

    def stop(self) -> None:
        """Kill the process and a command that it runs."""
        if self._process is not None:
            atexit.unregister(self.stop)
            os.killpg(self._process.pid, 9)
            self._process.communicate()
            self._process = None


_SERVER_PROCESS = _Server(_MODULES, _IMPORTS)
# Apart: it imports other libraries.
_OPENSTACK_PROCESS = _Server(
    {OPENSTACK: 'openstackclient.shell'}, _OPENSTACK_IMPORTS
)


def run(
    command: str,
    *arguments: str,
    environment: collections.abc.Mapping[str, str],
    cwd: pathlib.Path,
    seconds: float = 120.0,
) -> subprocess.CompletedProcess[str]:
    """Run a command until it ends; return its exit status and output.

    :param command: name of one of the package's commands, or ``openstack``.
    :raises: subprocess.TimeoutExpired after ``seconds``.
    """
    server = _OPENSTACK_PROCESS if command == OPENSTACK else _SERVER_PROCESS
    return server.run(
        command, arguments, environment=environment, cwd=cwd, seconds=seconds
    )
