# SPDX-License-Identifier: Apache-2.0
"""Validated calls of a conductor."""

import dataclasses
import functools
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

from ironic_passthru import context as request_context
from ironic_passthru.drivers import loader
from ironic_passthru.fleet import targets
from ironic_passthru.redaction import call_secrets
from ironic_passthru.rpc import protocol


@dataclasses.dataclass(frozen=True)
class Job:
    """A call that has passed all checks.

    :param context: the context of its request.
    :param call: the request of the client.
    :param method: the method to run.
    :param arguments: the parameters, converted to the declared types.
    :param secrets: redacts everything that is published of the call.
    :param reported: the targets that the method has reported.
    """

    context: request_context.RequestContext
    call: protocol.CallRequest
    method: loader.Method
    arguments: Mapping[str, Any]
    secrets: call_secrets.CallSecrets = call_secrets.NONE
    reported: targets.Targets = dataclasses.field(
        default_factory=targets.Targets
    )

    @property
    def accepted(self) -> bool:
        """Whether the call is acknowledged before it runs."""
        return self.method.spec.is_accepted(self.call.respond_async)

    @functools.cached_property
    def shown(self) -> tuple[dict[str, Any], int]:
        """Masked, truncated parameters and the number of omitted ones."""
        shown, more = self.method.spec.shown(self.call.info)
        redacted = self.secrets.value(shown)
        return redacted if isinstance(redacted, dict) else {}, more

    @functools.cached_property
    def named(self) -> list[str]:
        """Targets in the parameters, without secrets."""
        masked, _ = self.shown
        # A target may be a secret, so read the masked parameters.
        return sorted(self.method.spec.targets(masked))

    @property
    def name(self) -> str:
        """Driver and method, for log records."""
        return f'{self.call.driver_name}.{self.call.driver_method}'


class JobState(request_context.CallState):
    """The state of a call that a conductor runs.

    :param deadline: ``time.monotonic()`` by which the call should end.
    """

    def __init__(self, job: Job, deadline: float | None = None) -> None:
        super().__init__(deadline)
        self.job = job

    @property
    def accepted(self) -> bool:
        """Whether the call was acknowledged (202) before it runs."""
        return self.job.accepted

    def report_targets(self, names: Iterable[str]) -> None:
        """Add to the reported targets of the call."""
        self.job.reported.add(map(self.job.secrets.text, names))
