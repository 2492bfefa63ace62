# SPDX-License-Identifier: Apache-2.0
"""Metrics as Prometheus reads them."""

import time
import urllib.error
import urllib.request

from prometheus_client import parser

from ironic_passthru.metrics import definitions

_SECONDS = 30.0


class Scrape:
    """The samples of one response.

    :ivar text: the response.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._samples = [
            sample
            for family in parser.text_string_to_metric_families(text)
            for sample in family.samples
        ]

    def total(self, name: str, **labels: str) -> float:
        """Return the sum of the samples with these labels."""
        return sum(
            sample.value
            for sample in self._samples
            if sample.name == definitions.PREFIX + name
            and labels.items() <= sample.labels.items()
        )

    def labels(self, name: str, label: str) -> set[str]:
        """Return the values of a label."""
        return {
            sample.labels[label]
            for sample in self._samples
            if sample.name == definitions.PREFIX + name
        }


def scrape(port: object) -> Scrape:
    """Return the metrics on a port; wait until another process serves them."""
    deadline = time.monotonic() + _SECONDS
    while True:
        try:
            with urllib.request.urlopen(
                f'http://127.0.0.1:{port}/metrics', timeout=_SECONDS
            ) as response:
                return Scrape(response.read().decode())
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
