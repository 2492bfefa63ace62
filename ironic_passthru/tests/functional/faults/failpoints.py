# SPDX-License-Identifier: Apache-2.0
"""Places in a conductor at which a test wants its process to die.

The service knows nothing of them: they are put there, in the process of a
conductor, by a driver that only tests have.
"""

import collections.abc
import functools
import importlib
import itertools
import os
import signal
from typing import Any

# The environment variable that names a point and which passage is the last,
# as in ``record:37``.
VARIABLE = 'PASSTHRU_TEST_FAILPOINT'

# The point that is no patch: the driver's method passes it itself.
METHOD = 'method'

_RUNNER = 'ironic_passthru.conductor.runner', 'Runner', 'run'
_WRITER = 'ironic_passthru.conductor.operation_writer', 'OperationWriter'
_RECORD = *_WRITER, 'record'
_CLAIM = *_WRITER, 'claim'
_REPLY = 'ironic_passthru.rpc.rabbit', '_Request', 'reply'

_BEFORE, _AFTER = 'before', 'after'

# In the order in which an asynchronous call passes them, more or less: it
# is answered and run at the same time.
_PATCHES = {
    'receipt': (_BEFORE, _RUNNER),
    'record': (_AFTER, _RECORD),
    'claim': (_AFTER, _CLAIM),
    'before-reply': (_BEFORE, _REPLY),
    'after-reply': (_AFTER, _REPLY),
}
POINTS = (*_PATCHES, METHOD)


class Failpoint:
    """Ends its process when it is passed the ``last``-th time.

    :param die: called then; by default a ``kill -9`` of this process.
    """

    def __init__(
        self,
        last: int,
        die: collections.abc.Callable[[], object] | None = None,
    ) -> None:
        self._last = last
        # next() on it cannot be interrupted by another thread.
        self._passages = itertools.count(1)
        self._die = die or _kill

    def __call__(self) -> None:
        if next(self._passages) == self._last:
            self._die()


def install(text: str) -> dict[str, Failpoint]:
    """Put the failpoint in place that ``text`` asks for.

    :param text: value of the variable; empty for none.
    :returns: the failpoint by its name, or nothing.
    """
    if not text:
        return {}
    name, _, last = text.partition(':')
    failpoint = Failpoint(int(last))
    if name != METHOD:
        when, (module, class_name, function) = _PATCHES[name]
        owner = getattr(importlib.import_module(module), class_name)
        patch(owner, function, when == _BEFORE, failpoint)
    return {name: failpoint}


def patch(
    owner: type,
    name: str,
    before: bool,
    failpoint: collections.abc.Callable[[], None],
) -> None:
    """Pass the failpoint before, or after, each call of a function."""
    original = getattr(owner, name)

    @functools.wraps(original)
    def replacement(*args: Any, **kwargs: Any) -> Any:
        counts = name != 'reply' or _answers_a_call(*args, **kwargs)
        if counts and before:
            failpoint()
        result = original(*args, **kwargs)
        if counts and not before:
            failpoint()
        return result

    setattr(owner, name, replacement)


def _answers_a_call(_: object, reply: Any = None, failure: Any = None) -> bool:
    # Not a ping, of which a conductor sends itself some every second.
    return bool(failure) or isinstance(reply, dict)


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
