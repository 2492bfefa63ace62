# SPDX-License-Identifier: Apache-2.0
"""One call: as it came over the bus, and made ready to run."""

import dataclasses
import functools
import time
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

from oslo_utils import uuidutils

from ironic_passthru import context as request_context
from ironic_passthru import operation
from ironic_passthru.conductor import targets
from ironic_passthru.drivers import loader
from ironic_passthru.redaction import call_secrets


@dataclasses.dataclass(frozen=True)
class Call:
    """One call as it came over the bus.

    :param driver: name of the driver.
    :param method: name of the method.
    :param http_method: HTTP verb.
    :param parameters: JSON values by name.
    :param call_id: unique id; by default a new one.
    :param incarnation: the run of the conductor that it was meant for.
    :param deadline: seconds since the epoch after which it must not start.
    :param respond_async: whether to accept it before it runs, whatever its
        method says.
    :param key: its Idempotency-Key, if it has one.
    """

    driver: str
    method: str
    http_method: str
    parameters: Mapping[str, Any]
    call_id: str = dataclasses.field(default_factory=uuidutils.generate_uuid)
    incarnation: str | None = None
    deadline: float | None = None
    respond_async: bool = False
    key: operation.Key | None = None

    @property
    def expired(self) -> bool:
        """Whether it must no longer start."""
        return self.deadline is not None and time.time() > self.deadline


@dataclasses.dataclass(frozen=True)
class Job:
    """A call that has passed all checks.

    :param context: the context of its request.
    :param method: the method that it is for.
    :param arguments: the parameters, converted to the declared types.
    :param secrets: redacts everything that is published of the call.
    :param reported: the targets that the method has reported.
    """

    context: request_context.RequestContext
    call: Call
    method: loader.Method
    arguments: Mapping[str, Any]
    secrets: call_secrets.CallSecrets = call_secrets.NONE
    reported: targets.Targets = dataclasses.field(
        default_factory=targets.Targets
    )

    @property
    def accepted(self) -> bool:
        """Whether it is acknowledged before it runs."""
        return self.method.spec.is_accepted(self.call.respond_async)

    @functools.cached_property
    def shown(self) -> tuple[dict[str, Any], int]:
        """Its masked parameters, truncated, and how many are left out."""
        shown, more = self.method.spec.shown(self.call.parameters)
        redacted = self.secrets.value(shown)
        return redacted if isinstance(redacted, dict) else {}, more

    @functools.cached_property
    def named(self) -> list[str]:
        """The targets that the parameters name, without secrets."""
        masked, _ = self.shown
        # Of what is masked, because a target may be a secret, too.
        return sorted(self.method.spec.targets(masked))

    @property
    def name(self) -> str:
        """Driver and method, for log lines."""
        return f'{self.call.driver}.{self.call.method}'


class JobState(request_context.CallState):
    """The state of a call that a conductor runs.

    :param deadline: ``time.monotonic()`` by which it should have ended.
    """

    def __init__(self, job: Job, deadline: float | None = None) -> None:
        super().__init__(deadline)
        self.job = job

    def report_targets(self, names: Iterable[str]) -> None:
        """Note which hardware the call acts on."""
        self.job.reported.add(map(self.job.secrets.text, names))
