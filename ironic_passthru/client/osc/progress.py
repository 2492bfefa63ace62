# SPDX-License-Identifier: Apache-2.0
"""Progress of operations on a terminal."""

import shutil
import sys
from typing import TextIO

from ironic_passthru import client
from ironic_passthru.client import exceptions
from ironic_passthru.client import records
from ironic_passthru.client.osc import base

_BAR_WIDTH = 24


class ProgressBar:
    """One line with a bar, state and message; nothing without a terminal.

    :param stream: it is a terminal, or the progress is not shown.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._shown = self._stream.isatty()

    def show(self, operation: records.OperationInfo) -> None:
        """Replace the line."""
        if not self._shown:
            return
        width = shutil.get_terminal_size().columns - 1
        # The text may contain characters of double width; cut it early.
        text = f'{_bar(operation)} {describe(operation)}'[:width]
        self._stream.write(f'\r\x1b[K{text}')
        self._stream.flush()

    def close(self) -> None:
        """Remove the line."""
        if self._shown:
            self._stream.write('\r\x1b[K')
            self._stream.flush()


class ProgressLog:
    """One line for each change.

    :param stream: destination of the lines.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._last: dict[str, str] = {}

    def show(self, operation: records.OperationInfo) -> None:
        """Print a line if the operation has changed."""
        text = describe(operation)
        if self._last.get(operation.id) != text:
            self._last[operation.id] = text
            print(f'{operation.id} {text}', file=self._stream, flush=True)

    def close(self) -> None:
        """Do nothing: the lines remain."""


def describe(operation: records.OperationInfo) -> str:
    """Return state, percentage and message as one line."""
    progress = operation.progress or {}
    percent, message = progress.get('percent'), progress.get('message')
    parts = [
        operation.state or '',
        '' if percent is None else f'{percent:.0f} %',
        ' '.join((message or '').split()),
    ]
    return base.printable(' '.join(part for part in parts if part))


def _bar(operation: records.OperationInfo) -> str:
    percent = (operation.progress or {}).get('percent') or 0.0
    filled = round(_BAR_WIDTH * min(max(percent, 0), 100) / 100)
    return f'[{"#" * filled}{"-" * (_BAR_WIDTH - filled)}]'


def follow(
    passthru: client.Client,
    operation_id: str,
    *,
    timeout: float | None,
    display: ProgressBar | ProgressLog,
) -> records.OperationInfo:
    """Wait for an operation; SIGINT offers to cancel it.

    :raises: WaitTimedOut, also if the operation is left running.
    """
    while True:
        try:
            return passthru.wait(
                operation_id, timeout=timeout, progress=display.show
            )
        except KeyboardInterrupt:
            display.close()
            if not base.confirm(
                f'Cancel operation {operation_id}? Otherwise it continues.'
            ):
                error = exceptions.WaitTimedOut(
                    f'Operation {operation_id} continues.'
                )
                error.operation_id = operation_id
                raise error from None
            _cancel(passthru, operation_id)
        finally:
            display.close()


def _cancel(passthru: client.Client, operation_id: str) -> None:
    try:
        passthru.cancel(operation_id)
        base.print_note('Cancellation requested; waiting for the operation')
    except exceptions.RequestFailed as error:
        # It may have finished in the meantime.
        base.print_note(error.message)
