# SPDX-License-Identifier: Apache-2.0
"""Measured processes and their resources."""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

_TICKS = os.sysconf('SC_CLK_TCK')
_PAGE = os.sysconf('SC_PAGE_SIZE')
_HERE = pathlib.Path(__file__).parent


class Part:
    """A process, or a tree of processes, of the measured service."""

    def __init__(
        self, command: list[str], log: pathlib.Path, **environment: str
    ) -> None:
        self.log = log
        with log.open('wb') as output:
            self._process = subprocess.Popen(
                command,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | environment,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Process id of the first process."""
        return self._process.pid

    def stop(self) -> None:
        """Terminate the processes."""
        os.killpg(self.pid, signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.pid, signal.SIGKILL)

    def wait_for(self, text: str, seconds: float = 30.0) -> None:
        """Wait until the log contains ``text``."""
        end = time.monotonic() + seconds
        while text not in self.log.read_text():
            if time.monotonic() > end or self._process.poll() is not None:
                sys.exit(f'{self.log} does not say {text!r}')
            time.sleep(0.02)


def tree(pid: int) -> list[int]:
    """Return a process and its descendants."""
    children: dict[int, list[int]] = {}
    for entry in pathlib.Path('/proc').iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / 'stat').read_text()
            except OSError:
                continue
            parent = int(stat.rpartition(')')[2].split()[1])
            children.setdefault(parent, []).append(int(entry.name))
    found, queue = [], [pid]
    while queue:
        one = queue.pop()
        found.append(one)
        queue.extend(children.get(one, []))
    return found


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process and its descendants."""
    total = 0
    for one in tree(pid):
        try:
            stat = pathlib.Path(f'/proc/{one}/stat').read_text()
        except OSError:
            continue
        fields = stat.rpartition(')')[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / _TICKS


def resident_mib(pid: int) -> list[float]:
    """Return the resident memory of a process and of each descendant."""
    sizes = []
    for one in tree(pid):
        statm = pathlib.Path(f'/proc/{one}/statm').read_text().split()
        sizes.append(int(statm[1]) * _PAGE / 2**20)
    return sizes


def first_answer(url: str, seconds: float = 30.0) -> float:
    """Return the seconds until a GET of ``url`` first returns 200."""
    start = time.monotonic()
    while time.monotonic() - start < seconds:
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                if response.status == 200:
                    return time.monotonic() - start
        except (OSError, urllib.error.URLError):
            time.sleep(0.02)
    sys.exit(f'{url} was not answered within {seconds} s')


def wrk(
    url: str, connections: int, seconds: int, http_method: str = 'GET'
) -> dict[str, float]:
    """Load ``url`` and return rate and times; an error ends the run."""
    command = [
        'wrk',
        '-t1',
        f'-c{connections}',
        f'-d{seconds}s',
        '--timeout=30s',
        '-s',
        str(_HERE / 'load.lua'),
        url,
        http_method,
    ]
    output = subprocess.run(
        command, capture_output=True, text=True, check=True
    ).stdout
    match = re.search(r'^RESULT (.*)$', output, re.MULTILINE)
    if match is None:
        sys.exit(f'wrk said:\n{output}')
    result = json.loads(match[1])
    if result.pop('errors'):
        sys.exit(f'{url} was not always answered well:\n{output}')
    return result


def bare_client(url: str, count: int, seconds: int) -> dict[str, float]:
    """Run the client of the bare no-op and return its measurements.

    :param count: number of threads, in two processes like those of the API.
    """
    shares = [share for share in (count - count // 2, count // 2) if share]
    clients = [
        subprocess.Popen(
            [sys.executable, str(_HERE / 'bare.py'), 'client', url]
            + [str(share), str(seconds)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for share in shares
    ]
    rows = []
    for client in clients:
        output, _ = client.communicate()
        if client.returncode:
            sys.exit('the client of the bare no-op failed')
        rows.append(json.loads(output.splitlines()[-1]))
    mean = {
        name: sum(row[name] for row in rows) / len(rows) for name in rows[0]
    }
    return mean | {'rate': sum(row['rate'] for row in rows)}
