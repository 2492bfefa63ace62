# SPDX-License-Identifier: Apache-2.0
"""Run the install guide on fresh Debians, which are deleted afterwards.

Marked blocks of other pages are run, too.

A fresh Debian is a directory with its own process, mount and network
namespaces and with systemd as init. It is isolated from the host; slirp4netns
provides its network. The script requires root, the Debian packages mmdebstrap
and slirp4netns, and the package mirrors.
"""

import argparse
import contextlib
import os
import pathlib
import re
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from collections.abc import Iterator
from typing import TypeVar

ROOT = pathlib.Path(__file__).parents[1]

# Debian 12 and 13.
RELEASES = ('bookworm', 'trixie')
sys.path.insert(0, str(ROOT))

from ironic_passthru.tests import pages  # noqa: E402

# Pages that require only a clone, in this order.
TUTORIALS = (
    'doc/source/user/first-call.rst',
    'doc/source/drivers/first-driver.rst',
)
GUIDE = 'doc/source/install/debian.rst'
# Pages with marked blocks, run after the guide.
AFTERWARDS = (
    'doc/source/admin/login.rst',
    'doc/source/admin/servers.rst',
    'doc/source/admin/split.rst',
    'doc/source/admin/upgrades.rst',
)
MARK = 'tools/install-guide.py'

# Path of the repository in the guide.
CLONE = 'usr/local/src/ironic_passthru'

# Packages that these pages require.
CURL = 'apt-get -qq update; apt-get -qq install -y curl >/dev/null'

# A block that starts the service, which runs until it is stopped.
START = """
systemd-run --quiet --collect --unit tutorial --working-directory /{clone} \\
    --setenv=HOME=/root --setenv=PIP_CERT="$PIP_CERT" bash -c {command}
for _ in $(seq 900); do
    if curl --silent --output /dev/null http://127.0.0.1:6385/; then
        exit 0
    fi
    systemctl --quiet is-active tutorial || break
    sleep 1
done
journalctl --no-pager --unit tutorial
exit 1
"""
STOP = 'systemctl stop tutorial'
STARTS = 'tools/run.sh'

# Users of the site.
SITE = """
openstack user create --domain default alice
openstack user create --domain default bob
"""

# Not copied: environments and build results.
NOT_CLONED = (
    *('.tox', '.venv', '.stestr', '.hypothesis', '.mypy_cache'),
    *('.ruff_cache', '__pycache__', '*.egg-info', 'build', 'dist', 'cover'),
)

# First process of the new namespaces; $1 is the directory of the system.
BOOT = r"""
set -eu
echo 0 > "$2/cgroup.procs"
exec unshare --mount --pid --net --uts --ipc --cgroup --fork --kill-child \
    bash -euc '
        mount --make-rprivate /
        mount --bind "$1" "$1"
        cd "$1"
        mount -t proc proc proc
        mount -t sysfs -o ro sysfs sys
        mount -t cgroup2 cgroup2 sys/fs/cgroup
        mount -t tmpfs -o mode=755 tmpfs run
        mount -t tmpfs -o mode=755 tmpfs dev
        for device in null zero full random urandom tty; do
            touch dev/$device
            mount --bind /dev/$device dev/$device
        done
        mkdir dev/pts dev/shm
        mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
        ln -s pts/ptmx dev/ptmx
        mount -t tmpfs -o mode=1777 tmpfs dev/shm
        ip link set lo up
        hostname "$(cat etc/hostname)"
        pivot_root . mnt
        umount -l /mnt
        exec env -i container=fresh /sbin/init --show-status=no
    ' boot "$1"
"""

# Requirements of the guide: an Identity service with TLS, with a certificate
# that the host trusts, and the login of an administrator.
CLOUD = r"""
set -eu
apt-get -qq update
apt-get -qq install -y python3-venv git openssl >/dev/null
python3 -m venv /opt/keystone
/opt/keystone/bin/pip install --quiet \
    --constraint /usr/local/src/ironic_passthru/constraints.txt \
    keystone gunicorn python-openstackclient
mkdir /etc/keystone
cd /etc/keystone
openssl req -x509 -newkey rsa:2048 -noenc -days 2 \
    -subj /CN=keystone.example.com \
    -addext subjectAltName=DNS:keystone.example.com \
    -keyout key.pem -out certificate.pem
cp certificate.pem /usr/local/share/ca-certificates/keystone.crt
update-ca-certificates >/dev/null
cat > keystone.conf <<EOT
[database]
connection = sqlite:////etc/keystone/keystone.db
EOT
keystone-manage() {
    /opt/keystone/bin/keystone-manage --config-file keystone.conf "$@"
}
keystone-manage db_sync
keystone-manage fernet_setup --keystone-user root --keystone-group root
keystone-manage bootstrap --bootstrap-password "$PASSWORD" \
    --bootstrap-region-id RegionOne \
    --bootstrap-public-url https://keystone.example.com:5000/v3 \
    --bootstrap-internal-url https://keystone.example.com:5000/v3
cat > wsgi_keystone.py <<EOT
import sys
sys.argv = ['keystone']
from keystone.wsgi.api import application
EOT
systemd-run --quiet --unit keystone --working-directory /etc/keystone \
    --setenv OS_KEYSTONE_CONFIG_FILES=/etc/keystone/keystone.conf \
    /opt/keystone/bin/gunicorn --bind 127.0.0.1:5000 \
    --worker-class gthread --threads 4 \
    --certfile certificate.pem --keyfile key.pem wsgi_keystone:application
cat > /root/admin-openrc <<EOT
export OS_AUTH_URL=https://keystone.example.com:5000/v3
export OS_USERNAME=admin
export OS_PASSWORD=$PASSWORD
export OS_USER_DOMAIN_ID=default
export OS_SYSTEM_SCOPE=all
export OS_IDENTITY_API_VERSION=3
EOT
. /root/admin-openrc
export OS_CACERT=/etc/ssl/certs/ca-certificates.crt
for _ in $(seq 60); do
    ! /opt/keystone/bin/openstack project create --domain default service \
        || exit 0
    sleep 1
done
exit 1
"""


_Result = TypeVar('_Result')


class Failed(Exception):
    """A step failed; the message contains the reason."""


class Debian:
    """A running Debian.

    :param release: its code name.
    :param directory: its root directory, which must not exist.
    """

    def __init__(self, release: str, directory: pathlib.Path) -> None:
        self._release = release
        self._root = directory
        self._init = 0

    def unpack(self) -> None:
        """Unpack it, in the state after the first boot."""
        subprocess.run(
            [
                *('mmdebstrap', '--quiet', '--variant=important'),
                *('--include=ca-certificates', self._release, self._root),
                'http://deb.debian.org/debian',
            ],
            check=True,
        )
        etc = self._root / 'etc'
        (etc / 'hostname').write_text('passthru\n')
        (etc / 'hosts').write_text(
            '127.0.0.1 localhost keystone.example.com\n'
            '127.0.1.1 passthru.example.com passthru\n'
        )
        # Address of the name server of slirp4netns.
        (etc / 'resolv.conf').write_text('nameserver 10.0.2.3\n')
        # A package proxy may have its own CA.
        for path in pathlib.Path('/usr/local/share/ca-certificates').iterdir():
            shutil.copy(path, self._root / str(path.parent)[1:])
        shutil.copytree(
            ROOT,
            self._root / CLONE,
            symlinks=True,
            ignore=shutil.ignore_patterns(*NOT_CLONED),
        )

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Start it; stop it and all its processes afterwards."""
        with contextlib.ExitStack() as stack:
            boot = subprocess.Popen(
                [
                    *('bash', '-c', BOOT, 'boot', self._root),
                    stack.enter_context(_control_group()),
                ]
            )
            stack.callback(_kill, boot)
            self._init = _wait(lambda: _child(boot.pid), 'its first process')
            _wait(self._is_up, 'the start of the system')
            ready, signal_ready = os.pipe()
            network = subprocess.Popen(
                [
                    *('slirp4netns', '--configure', '--mtu=1500'),
                    *('--disable-host-loopback', f'--ready-fd={signal_ready}'),
                    *(str(self._init), 'tap0'),
                ],
                pass_fds=[signal_ready],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            stack.callback(_kill, network)
            os.close(signal_ready)
            if os.read(ready, 1) != b'1':
                raise Failed('slirp4netns gives it no network')
            os.close(ready)
            yield

    def _is_up(self) -> bool:
        done = subprocess.run(
            [*self._enter(), 'systemctl', 'is-system-running'],
            capture_output=True,
            text=True,
        )
        if 'degraded' in done.stdout:
            raise Failed('systemd could not start all of it')
        return done.stdout.strip() == 'running'

    def _enter(self) -> list[str]:
        return [
            *('nsenter', '--target', str(self._init), '--all'),
            *('env', '-i', 'HOME=/root', 'LC_ALL=C.UTF-8'),
            'PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
            'PIP_CERT=/etc/ssl/certs/ca-certificates.crt',
            'DEBIAN_FRONTEND=noninteractive',
        ]

    def shell(self, **environment: str) -> 'Shell':
        """Return a shell of root."""
        values = [f'{name}={value}' for name, value in environment.items()]
        return Shell([*self._enter(), *values, 'bash'])


class Shell:
    """A shell that runs commands one after the other.

    :param arguments: the command line.
    """

    def __init__(self, arguments: list[str]) -> None:
        self._process = subprocess.Popen(
            arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, text: str) -> str:
        """Run commands; return their output.

        :raises: Failed if a command fails; the shell has ended then.
        """
        process = self._process
        assert process.stdin and process.stdout
        end = f'end {secrets.token_hex(8)}'
        # Commands must not read the next commands from stdin.
        process.stdin.write(
            f'set -e\neval {shlex.quote(text)} </dev/null\necho {end}\n'
        )
        process.stdin.flush()
        printed = []
        for line in process.stdout:
            before, found, _ = line.rstrip('\n').partition(end)
            if found:
                return ''.join((*printed, before))
            printed.append(line)
        raise Failed(f'{"".join(printed)}\nfailed:\n{text}')


@contextlib.contextmanager
def _control_group() -> Iterator[pathlib.Path]:
    """Create a cgroup that systemd can manage."""
    mounts = pathlib.Path('/proc/self/mounts').read_text()
    found = re.search(r'^\S+ (\S+) cgroup2 ', mounts, re.M)
    if found is None:
        raise Failed('there are no control groups of version 2')
    group = pathlib.Path(found[1]) / f'install-guide-{os.getpid()}'
    group.mkdir()
    try:
        yield group
    finally:
        with contextlib.suppress(OSError):
            (group / 'cgroup.kill').write_text('1')
        _wait(lambda: _remove(group), 'the end of its processes')


def _remove(group: pathlib.Path) -> bool:
    try:
        for directory, _, _ in os.walk(group, topdown=False):
            os.rmdir(directory)
    except OSError:
        return False
    return True


def _child(pid: int) -> int:
    """Return the first child of a process, or 0."""
    path = pathlib.Path(f'/proc/{pid}/task/{pid}/children')
    return int((path.read_text().split() or ['0'])[0])


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def _wait(
    condition: Callable[[], _Result], what: str, seconds: float = 60.0
) -> _Result:
    """Return the first true result.

    :raises: Failed after that many seconds.
    """
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise Failed(f'{what}: not within {seconds:.0f} seconds')
        time.sleep(0.1)
    return result


class Follower:
    """Runner of the blocks of pages.

    :param shell: the shell that runs the blocks.
    :param verbose: whether to show the output.
    """

    def __init__(self, shell: Shell, *, verbose: bool) -> None:
        self._shell = shell
        self._verbose = verbose

    def guide(self) -> None:
        """Run the blocks of the install guide.

        A block of text is the expected output of the block before it.
        """
        printed = ''
        for block in pages.blocks(GUIDE):
            if block.is_shell:
                printed = self._run(block)
            elif block.language == 'text' and block.text != f'{printed}\n':
                raise Failed(f'{block.place}: it printed:\n{printed}')

    def afterwards(self) -> None:
        """Run marked blocks of other pages about the site of the guide."""
        self._shell.run(SITE)
        for page in AFTERWARDS:
            for block in marked(page):
                self._run(block)

    def tutorials(self) -> None:
        """Run the blocks of pages for beginners, each from a clone."""
        self._shell.run(CURL)
        for page in TUTORIALS:
            self._shell.run(f'cd /{CLONE}')
            for block in marked(page):
                if STARTS in block.commands:
                    self._start(block)
                else:
                    self._run(block)
            self._shell.run(STOP)

    def _start(self, block: pages.Block) -> None:
        """Run a block that starts the service."""
        print(f'{block.place} ...', flush=True)
        command = shlex.quote(block.commands)
        self._shell.run(f'({START.format(clone=CLONE, command=command)})')

    def _run(self, block: pages.Block) -> str:
        print(f'{block.place} ...', flush=True)
        printed = self._shell.run(block.commands)
        if self._verbose:
            print(printed, flush=True)
        return printed


def marked(page: str) -> list[pages.Block]:
    """Return the marked blocks of a page."""
    return [block for block in pages.blocks(page) if block.run_by == MARK]


def run(release: str, *, verbose: bool) -> None:
    """Run the guide on a fresh Debian.

    :raises: Failed.
    """
    with tempfile.TemporaryDirectory(prefix='debian-') as directory:
        debian = Debian(release, pathlib.Path(directory) / 'root')
        print(f'a fresh Debian, {release} ...', flush=True)
        debian.unpack()
        with debian.running():
            debian.shell().run('update-ca-certificates')
            Follower(debian.shell(), verbose=verbose).tutorials()
            print('an Identity service ...', flush=True)
            password = secrets.token_urlsafe()
            debian.shell(PASSWORD=password).run(f'(\n{CLOUD}\n)')
            follower = Follower(debian.shell(), verbose=verbose)
            follower.guide()
            follower.afterwards()


def main() -> str | None:
    """Run the guide on the releases in turn; return the error message."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--verbose', action='store_true')
    parser.add_argument(
        '--release', choices=RELEASES, help='run it on this release only'
    )
    arguments = parser.parse_args()
    for program in ('mmdebstrap', 'slirp4netns'):
        if not shutil.which(program):
            return f'{program} is missing: apt-get install {program}'
    if os.geteuid():
        return 'only root can make a system of its own'
    for release in [arguments.release] if arguments.release else RELEASES:
        try:
            run(release, verbose=arguments.verbose)
        except Failed as error:
            return f'{release}: {error}'
    print('All of it does what the pages say.')
    return None


if __name__ == '__main__':
    sys.exit(main())
