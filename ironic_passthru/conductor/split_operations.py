# SPDX-License-Identifier: Apache-2.0
"""Progress, cancellation and end of operations with parts.

Every conductor does this for all of them, so that the loss of a conductor or
of an API process delays none. The transitions are compare-and-set.
"""

import json

from oslo_log import log

from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru.db import models
from ironic_passthru.db import operations
from ironic_passthru.db import session
from ironic_passthru.db import split_operations
from ironic_passthru.fleet import merging
from ironic_passthru.fleet import summary

LOG = log.getLogger(__name__)

_UNKNOWN = operation.Error(
    'No outcome of this part was recorded; it may have run.',
    504,
    merging.OUTCOME_UNKNOWN,
)
_NOT_STARTED = operation.Error(
    'The part was accepted, but expired or was cancelled before it started; '
    'nothing was sent.',
    503,
    summary.NOT_ATTEMPTED,
)


# Without an item, the method of the part may have changed a target.
_UNCERTAIN = (operation.State.UNKNOWN, operation.State.CANCELLED)


class SplitOperations:
    """Keeps the records of operations with parts up to date."""

    def __init__(self, records: operations.OperationStore) -> None:
        self._records = records

    def update(self) -> bool:
        """Update all active operations from the records of their parts.

        :returns: whether there were any.
        :raises: RegistryUnavailable.
        """
        active = self._records.split.active()
        for split in active:
            try:
                self._update(split)
            except errors.RegistryUnavailable:
                raise
            except Exception as error:
                # It must not delay the others.
                LOG.error(
                    'Operation %s cannot be updated from its parts: %s',
                    split.id,
                    session.cause(error),
                )
        return bool(active)

    def _update(self, split: split_operations.SplitOperation) -> None:
        if split.cancel_requested:
            self._cancel(split)
        if all(_is_decided(part) for part in split.parts):
            self._finish(split)
            return
        progress = _progress(split)
        if progress != split.progress:
            self._records.split.report_progress(split.id, progress)

    def _cancel(self, split: split_operations.SplitOperation) -> None:
        """Cancel parts that were recorded after the request to cancel."""
        for part in split.parts:
            if part.state in operation.ACTIVE and not part.cancel_requested:
                self._records.cancel(part.id)

    def _finish(self, split: split_operations.SplitOperation) -> None:
        merged = merging.merged(
            [self._outcome(part) for part in split.parts],
            require_all=split.parameters.get('require_all') is True,
        )
        final = operation.Transition(
            split.id,
            operation.State.RUNNING,
            merged.state,
            error=merged.error,
            result=merged.text,
            progress=_progress(split),
            frees_key=merged.state is operation.State.EXPIRED,
        )
        if self._records.apply([final]) == [True]:
            LOG.info(
                'Operation %s with %d parts: %s',
                split.id,
                len(split.parts),
                merged.state,
            )

    def _outcome(self, part: split_operations.Part) -> merging.Outcome:
        state, error = part.state, part.error
        if state is None:
            # An error without a record: the part certainly does not run.
            if error is None:
                state, error = operation.State.UNKNOWN, _UNKNOWN
            elif error.status == 503:
                state = operation.State.EXPIRED
            else:
                state = operation.State.FAILED
        elif state is operation.State.EXPIRED or not part.started:
            error = error or _NOT_STARTED
        elif state in _UNCERTAIN:
            error = error or _UNKNOWN
        return merging.Outcome(
            part.targets, state, result=self._result(part), error=error
        )

    def _result(self, part: split_operations.Part) -> object:
        text = self._records.result(part.id) if part.has_result else None
        return None if text is None else json.loads(text)


def _is_decided(part: split_operations.Part) -> bool:
    """Return whether nothing more is expected of a part."""
    if part.state is not None:
        return part.state in operation.FINAL
    return part.error is not None or part.overdue


def _progress(split: split_operations.SplitOperation) -> operation.Progress:
    """Return the mean of the parts by their targets, and their messages."""
    done = total = 0.0
    messages = []
    for part in split.parts:
        count = len(part.targets)
        total += count
        percent = 100.0 if _is_decided(part) else part.progress.percent or 0.0
        done += count * percent / 100
        if part.progress.message and part.conductor:
            messages.append(f'{part.conductor}: {part.progress.message}')
    finished = sum(map(_is_decided, split.parts))
    message = f'{finished} of {len(split.parts)} parts finished'
    return operation.Progress(
        percent=round(100 * done / total, 1) if total else None,
        message='; '.join([message, *messages])[: models.MAX_MESSAGE_LENGTH],
    )
