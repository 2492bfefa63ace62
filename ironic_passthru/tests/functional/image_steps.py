# SPDX-License-Identifier: Apache-2.0
"""The steps of the Containerfile in directories, without a container tool.

Every stage is a directory with a Debian, and a container is a process with
this directory as its read-only root, a PID namespace of its own, and neither
root nor capabilities. Root is required; the network is that of the host.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess

import fixtures

from ironic_passthru.tests.functional import console
from ironic_passthru.tests.functional import processes

# A package proxy may have its own CA.
_AUTHORITIES = pathlib.Path('/etc/ssl/certs/ca-certificates.crt')

# Variables of a step: $1 is the root, $2 the authorities; "$@" the command.
_STEP = r"""
root=$1; authorities=$2; shift 2
mount --make-rprivate /
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
touch "$root/run/resolv.conf" "$root/run/host.pem"
mount --bind "$authorities" "$root/run/host.pem"
cp /etc/resolv.conf "$root/etc/resolv.conf"
exec chroot "$root" env -i PIP_CERT=/run/host.pem \
    PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
"""

# As read_only, tmpfs, cap_drop, no-new-privileges and user in compose.yaml.
_CONTAINER = r"""
root=$1; configuration=$2; user=$3; shift 3
mount --make-rprivate /
mount --bind "$root" "$root"
mount --bind "$configuration" "$root/etc/ironic_passthru"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=1777,size=64m tmpfs "$root/tmp"
mount --bind /dev "$root/dev"
mount -o remount,ro,bind "$root"
exec chroot "$root" setpriv --reuid="$user" --regid="$user" --clear-groups \
    --no-new-privs --bounding-set=-all --inh-caps=-all env -i "$@"
"""

_CONTINUED = re.compile(r'\\\n')
_COMMENT = re.compile(r'^#.*\n', re.M)


class Image(fixtures.Fixture):
    """A target of the Containerfile, built in a directory.

    :param base: directory of a Debian, which is copied for every stage.
    :param target: name of the last stage.
    """

    def __init__(self, base: pathlib.Path, target: str) -> None:
        super().__init__()
        self._base = base
        self._target = target

    def _setUp(self) -> None:
        self.directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self._roots: dict[str, pathlib.Path] = {}
        self._environment: dict[str, str] = {}
        text = (console.ROOT / 'Containerfile').read_text()
        for line in _CONTINUED.sub('', _COMMENT.sub('', text)).splitlines():
            name, _, arguments = line.partition(' ')
            if name == 'FROM' and self._target in self._roots:
                return
            if name and hasattr(self, f'_do_{name.lower()}'):
                getattr(self, f'_do_{name.lower()}')(arguments)

    @property
    def root(self) -> pathlib.Path:
        """Root directory of the last stage."""
        return list(self._roots.values())[-1]

    def _do_from(self, arguments: str) -> None:
        source, _, name = arguments.split()
        if source in self._roots:
            self._roots[name] = self._roots[source]
            return
        self._environment = {}
        root = self.directory / name
        self._host('cp', '--archive', '--reflink=auto', self._base, root)
        self._roots[name] = root

    def _do_arg(self, arguments: str) -> None:
        name, _, value = arguments.partition('=')
        self._environment[name] = value

    def _do_env(self, arguments: str) -> None:
        for pair in arguments.split():
            self._do_arg(pair)

    def _do_copy(self, arguments: str) -> None:
        *sources, target = arguments.split()
        origin = console.ROOT
        if sources[0].startswith('--from='):
            origin = self._roots[sources.pop(0).partition('=')[2]]
        place = self.root / target.lstrip('/')
        for source in sources:
            if source == '.':
                self._clone(place)
            else:
                place.parent.mkdir(parents=True, exist_ok=True)
                found = origin / source.lstrip('/')
                is_folder = target.endswith('/')
                if is_folder:
                    place.mkdir(exist_ok=True)
                self._host('cp', '--archive', found, place)

    def _clone(self, place: pathlib.Path) -> None:
        """Copy the checkout without what git and the build ignore."""
        listed = subprocess.run(
            ['git', 'ls-files', '--cached', '--others', '--exclude-standard'],
            cwd=console.ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        for name in listed.stdout.splitlines():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(console.ROOT / name, place / name)
        self._host('cp', '--archive', console.ROOT / '.git', place / '.git')
        self._host('chown', '--recursive', 'root:root', place)

    def _do_run(self, arguments: str) -> None:
        self._host(
            *('unshare', '--mount', '--pid', '--fork', '--kill-child'),
            *('bash', '-euc', _STEP, 'step', self.root, _AUTHORITIES),
            *(f'{name}={value}' for name, value in self._variables()),
            *('/bin/sh', '-c', arguments),
        )

    def _do_user(self, arguments: str) -> None:
        self.user = arguments.partition(':')[0]

    def _do_entrypoint(self, arguments: str) -> None:
        self.entrypoint = json.loads(arguments)

    def _do_cmd(self, arguments: str) -> None:
        self.command = json.loads(arguments)

    def _variables(self) -> list[tuple[str, str]]:
        return list(self._environment.items())

    def _host(self, *arguments: object) -> None:
        done = subprocess.run(
            [str(argument) for argument in arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode:
            raise processes.Failed(f'{arguments}: {done.stdout}')

    def container(
        self, configuration: pathlib.Path, *command: str
    ) -> 'Container':
        """Return a container of the image that was not started.

        :param configuration: directory of the configuration.
        :param command: replaces that of the image.
        """
        log = self.directory / f'{len(list(self.directory.iterdir()))}.log'
        log.touch()
        return Container(
            [
                *('unshare', '--mount', '--pid', '--fork', '--kill-child'),
                *('bash', '-euc', _CONTAINER, 'container', str(self.root)),
                *(str(configuration), self.user),
                *(f'{name}={value}' for name, value in self._variables()),
                *(self.entrypoint + (list(command) or self.command)),
            ],
            environment=dict(os.environ),
            log=log,
        )


class Container(processes.Process):
    """A process in an image; its first process is that of a namespace."""

    @property
    def first(self) -> int:
        """PID of the first process, or 0 before it is there."""
        path = pathlib.Path(f'/proc/{self.pid}/task/{self.pid}/children')
        return int((path.read_text().split() or ['0'])[0])

    def signal(self, number: int) -> None:
        """Send a signal to the first process."""
        os.kill(self.first, number)
