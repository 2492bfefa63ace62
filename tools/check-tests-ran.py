# SPDX-License-Identifier: Apache-2.0
"""Fail if a test has no result in the last run of stestr.

stestr does not report a process of tests that ends early, for example because
the cleanup of a suite fails: the tests that it had not run are missing.
The argument is the directory of the tests.
"""

import io
import subprocess
import sys

import subunit
import testtools

_SHOWN = 20


def listed(directory: str) -> set[str]:
    """Return the ids of all tests."""
    text = subprocess.check_output(
        ['stestr', '--test-path', directory, 'list'], text=True
    )
    return {line for line in text.splitlines() if '.tests.' in line}


def finished() -> set[str]:
    """Return the ids of the tests with a result."""
    stream = subprocess.run(
        ['stestr', 'last', '--subunit'], capture_output=True, check=False
    ).stdout
    found: list[str] = []
    result = testtools.StreamToDict(
        lambda test: (
            found.append(str(test['id']))
            if test['status'] != 'inprogress'
            else None
        )
    )
    result.startTestRun()
    subunit.ByteStreamToStreamResult(
        io.BytesIO(stream), non_subunit_name='other'
    ).run(result)
    result.stopTestRun()
    return set(found)


def main() -> int:
    """Print the tests without a result; return the exit code."""
    missing = sorted(listed(sys.argv[1]) - finished())
    for name in missing[:_SHOWN]:
        print(f'no result: {name}')
    if missing:
        print(f'{len(missing)} tests have no result: a process ended early')
    return 1 if missing else 0


if __name__ == '__main__':
    sys.exit(main())
