# SPDX-License-Identifier: Apache-2.0
"""Instruments of :mod:`prometheus_client` whose failures affect no call."""

from typing import Any

from oslo_log import log

LOG = log.getLogger(__name__)


class Instrument:
    """A metric of this process.

    Its value may be in a file. A call has run when it is recorded: its
    response must not depend on that file.

    :param metric: of :mod:`prometheus_client`.
    """

    _reported = False

    def __init__(self, metric: Any) -> None:
        self._metric = metric

    def inc(self, *labels: str) -> None:
        """Count an event."""
        try:
            self._labeled(labels).inc()
        except Exception as error:
            _report(error)

    def observe(self, value: float, *labels: str) -> None:
        """Add a value to a histogram."""
        try:
            self._labeled(labels).observe(value)
        except Exception as error:
            _report(error)

    def set(self, value: float, *labels: str) -> None:
        """Set a gauge."""
        try:
            self._labeled(labels).set(value)
        except Exception as error:
            _report(error)

    def _labeled(self, labels: tuple[str, ...]) -> Any:
        return self._metric.labels(*labels) if labels else self._metric


def _report(error: Exception) -> None:
    """Log the first failure of a process."""
    if not Instrument._reported:
        Instrument._reported = True
        text = getattr(error, 'strerror', None) or type(error).__name__
        LOG.warning('Cannot record metrics: %s', text)
