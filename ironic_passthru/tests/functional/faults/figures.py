# SPDX-License-Identifier: Apache-2.0
"""Figures of each scenario.

The command prints the figures of a run.
"""

import dataclasses
import json
import os
import pathlib
import sys

# Environment variable with the path of the file.
VARIABLE = 'PASSTHRU_FAULTS_FIGURES'


@dataclasses.dataclass(frozen=True)
class Row:
    """The figures of one scenario.

    :param answers: number of attempts by outcome.
    :param operations: number of operations by state.
    """

    scenario: str
    calls: int
    answers: dict[str, int]
    operations: dict[str, int]
    executions: int
    violations: int
    seconds: float


def add(row: Row) -> None:
    """Add a row to the file, if one is configured."""
    path = os.environ.get(VARIABLE)
    if not path:
        return
    with open(path, 'a') as file:
        file.write(json.dumps(dataclasses.asdict(row)) + '\n')


def read(path: pathlib.Path) -> list[Row]:
    """Return the rows in a file, in order of their names."""
    rows = [Row(**json.loads(line)) for line in path.open()]
    return sorted(rows, key=lambda row: row.scenario)


def table(rows: list[Row]) -> str:
    """Return the rows and their sum as text."""
    lines = []
    for row in [*rows, _sum(rows)]:
        lines += [
            row.scenario,
            f'    {row.calls} calls, {row.executions} executions, '
            f'{row.violations} violations, {row.seconds:.0f} s',
            f'    answers: {_counts(row.answers)}',
            f'    operations: {_counts(row.operations)}',
        ]
    return '\n'.join(lines)


def _sum(rows: list[Row]) -> Row:
    return Row(
        scenario=f'all {len(rows)} scenarios',
        calls=sum(row.calls for row in rows),
        answers=_added([row.answers for row in rows]),
        operations=_added([row.operations for row in rows]),
        executions=sum(row.executions for row in rows),
        violations=sum(row.violations for row in rows),
        seconds=sum(row.seconds for row in rows),
    )


def _added(counts: list[dict[str, int]]) -> dict[str, int]:
    names = {name for count in counts for name in count}
    return {n: sum(count.get(n, 0) for count in counts) for n in names}


def _counts(counts: dict[str, int]) -> str:
    if not counts:
        return 'none'
    return ', '.join(f'{counts[name]} {name}' for name in sorted(counts))


def main() -> None:
    """Print the rows in the file that the command line names."""
    sys.stdout.write(table(read(pathlib.Path(sys.argv[1]))) + '\n')


if __name__ == '__main__':
    main()
