# SPDX-License-Identifier: Apache-2.0
"""Simulation of a thread limit."""

import threading

import fixtures


class ThreadShortage(fixtures.MonkeyPatch):
    """Let every start of a thread fail while the fixture is in use."""

    def __init__(self) -> None:
        super().__init__('threading.Thread.start', _refuse)


def _refuse(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")
