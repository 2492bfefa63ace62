# SPDX-License-Identifier: Apache-2.0
"""A process to which the kernel refuses further threads."""

import threading

import fixtures


class ThreadShortage(fixtures.MonkeyPatch):
    """Refuse every thread for as long as the fixture is in use."""

    def __init__(self) -> None:
        super().__init__('threading.Thread.start', _refuse)


def _refuse(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")
