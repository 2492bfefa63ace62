# SPDX-License-Identifier: Apache-2.0
"""``fake-hardware``: one method of each kind, without any hardware.

It is for trials and tests of the service, and a tutorial of all features of
drivers.
"""

import datetime
import secrets
import time
from typing import Annotated
from typing import Any
from typing import Literal

import pydantic

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru.drivers import base

# Limits of parameters, and of fields of models, become part of the JSON Schema
# of requests. Descriptions are shown on the pages about the driver.
Percent = Annotated[int, pydantic.Field(ge=0, le=100)]
Seconds = Annotated[
    float, pydantic.Field(ge=0, le=3600, description='How long it takes.')
]
Address = Annotated[
    str,
    pydantic.Field(
        min_length=1,
        max_length=255,
        description='Name or address of the BMC.',
        examples=['10.0.0.1'],
    ),
]

# The default rack.
_RACK = 'r1'


class FanCurve(pydantic.BaseModel):
    """Speed of a fan over temperature."""

    celsius: list[Annotated[int, pydantic.Field(ge=-40, le=125)]]
    percent: list[Percent]


class OutOfPaper(errors.DriverError):
    """An error class of this driver with its own status."""

    code = 'fake_out_of_paper'
    status = 507
    _msg_fmt = 'The printer of rack %(rack)s is out of paper.'


class FakeVendor(base.VendorInterface):
    """Simulated rack controllers."""

    def get_properties(self) -> dict[str, str]:
        """Return the properties of the driver."""
        return {
            'fake_rack': 'Name of the simulated rack. Optional.',
            'fake_delay': 'Seconds that the simulated hardware takes. '
            'Optional; 0 by default.',
        }

    def driver_validate(self, method: str, **kwargs: Any) -> None:
        """Check what types cannot: the length of curves."""
        curve = kwargs.get('curve')
        if curve and len(curve.celsius) != len(curve.percent):
            raise errors.InvalidParameterValue(
                'curve: celsius and percent must have the same length'
            )

    # A synchronous method: the caller waits for its result.
    @base.driver_passthru(['GET'], async_call=False)
    def hello(self, name: str = 'world') -> dict[str, str]:
        """Return a greeting; the simplest method."""
        return {'greeting': f'Hello, {name}!'}

    # An asynchronous method (the default): the caller gets 202 at once, with
    # the URL of an operation.
    @base.driver_passthru(['POST'])
    def start_fan_test(
        self, context: request_context.RequestContext, seconds: Seconds = 0
    ) -> None:
        """Spin all fans up and down for some seconds."""
        time.sleep(seconds)

    # The method reports progress, and checks for cancellation where it can
    # stop safely: errors.Cancelled sets the state of the operation to
    # cancelled. The result is kept for a limited time.
    @base.driver_passthru(['POST'])
    def inspect_rack(
        self,
        context: request_context.RequestContext,
        slots: Annotated[int, pydantic.Field(ge=1, le=1000)] = 10,
        seconds_per_slot: Annotated[float, pydantic.Field(ge=0, le=60)] = 0.5,
    ) -> dict[str, Any]:
        """Inspect all slots of a rack; can be cancelled."""
        # No parameter names the hardware, so the method reports it for audit,
        # record and notifications.
        context.report_targets([_RACK])
        empty = []
        for slot in range(1, slots + 1):
            if context.cancel_requested:
                raise errors.Cancelled()
            context.report_progress(
                100 * (slot - 1) / slots, f'slot {slot} of {slots}'
            )
            time.sleep(seconds_per_slot)
            if slot % 4 == 0:
                empty.append(slot)
        context.report_progress(100, f'{slots} slots done')
        return {'slots': slots, 'empty': empty}

    # target: calls for one BMC are limited, so that a hanging BMC occupies
    # only a few workers.
    @base.driver_passthru(['POST'], target='bmc')
    def power_cycle(
        self, bmc: Address, seconds: Seconds = 0
    ) -> dict[str, str]:
        """Switch a server off and on again through its BMC."""
        time.sleep(seconds)
        return {'bmc': bmc, 'power': 'on'}

    # Secrets are masked in records, logs and notifications.
    @base.driver_passthru(['PUT'], target='bmc')
    def set_login(
        self,
        bmc: Address,
        user: str,
        password: pydantic.SecretStr,
        pin: pydantic.SecretStr | None = None,
    ) -> dict[str, Any]:
        """Change user, password and PIN of a BMC."""
        if len(password.get_secret_value()) < 8:
            raise errors.InvalidParameterValue('the password is too short')
        return {'bmc': bmc, 'user': user, 'pin': pin is not None}

    # dangerous: rejected unless [conductor] allowed_dangerous_methods contains
    # the method.
    @base.driver_passthru(
        ['POST'], async_call=False, target='bmc', dangerous=True
    )
    def erase(self, bmc: Address) -> dict[str, Any]:
        """Erase all disks of a server; cannot be undone."""
        return {'bmc': bmc, 'erased': True}

    # secret: the caller gets the ticket; records of the result contain ***.
    @base.driver_passthru(
        ['POST'], async_call=False, target='bmc', secret=['ticket']
    )
    def open_console(self, bmc: Address) -> dict[str, str]:
        """Open the console of a server with a new ticket."""
        return {'bmc': bmc, 'ticket': secrets.token_urlsafe()}

    # timeout: calls may take longer than the default.
    @base.driver_passthru(['POST'], async_call=False, timeout=120)
    def self_test(self, seconds: Seconds = 0) -> dict[str, Any]:
        """Test everything; it may take two minutes."""
        time.sleep(seconds)
        return {'passed': True, 'seconds': seconds}

    # Several HTTP methods; http_method is the method of the call.
    @base.driver_passthru(['GET', 'PUT', 'DELETE'], async_call=False)
    def asset_tag(
        self,
        context: request_context.RequestContext,
        http_method: str,
        rack: Annotated[str, pydantic.Field(min_length=1)] = _RACK,
        tag: Annotated[str, pydantic.Field(max_length=32)] | None = None,
    ) -> dict[str, str | None]:
        """Read, write or clear the asset tag of a rack controller."""
        # A default may have selected the rack.
        context.report_targets([rack])
        if http_method == 'PUT' and tag is None:
            raise errors.MissingParameterValue('PUT needs the parameter tag')
        action = {'GET': 'read', 'PUT': 'written', 'DELETE': 'cleared'}
        return {'rack': rack, 'tag': tag, 'action': action[http_method]}

    # Enumerations, nested models and lists are validated before it runs.
    # Clients show the examples, and the docstring after its first line.
    @base.driver_passthru(
        ['PUT'],
        async_call=False,
        examples=[{'mode': 'auto'}, {'mode': 'manual', 'speed': 70}],
    )
    def set_fans(
        self,
        mode: Literal['auto', 'manual', 'full'],
        speed: Percent = 50,
        curve: FanCurve | None = None,
    ) -> dict[str, Any]:
        """Set mode and speed of the fans of the rack.

        The speed matters in the mode ``manual`` only. A curve maps
        temperatures to speeds.
        """
        return {'mode': mode, 'speed': speed, 'curve': curve}

    # **kwargs accepts any parameters.
    @base.driver_passthru(['POST'], async_call=False)
    def echo(self, http_method: str, **kwargs: Any) -> dict[str, Any]:
        """Return the parameters of the call."""
        return kwargs

    @base.driver_passthru(['PATCH'], async_call=False)
    def patch_settings(
        self, settings: dict[str, int | str | bool]
    ) -> list[str]:
        """Change some settings; return the names of those changed."""
        return sorted(settings)

    @base.driver_passthru(['DELETE'], async_call=False)
    def clear_log(self, before: datetime.date | None = None) -> None:
        """Clear the event log; a method that returns nothing."""

    # attach: the result is the raw body of the response.
    @base.driver_passthru(['GET'], async_call=False, attach=True)
    def event_log(
        self, lines: Annotated[int, pydantic.Field(ge=0, le=100_000)] = 3
    ) -> str:
        """Fetch the event log as text."""
        return ''.join(f'{line} fan {line} ok\n' for line in range(lines))

    @base.driver_passthru(['GET'], async_call=False, attach=True)
    def screenshot(self) -> base.Attachment:
        """Fetch a picture of the console as a file with a name."""
        return base.Attachment(
            data=_PIXEL, media_type='image/gif', filename='console.gif'
        )

    @base.driver_passthru(['GET'], async_call=False, attach=True)
    def firmware(
        self, size: Annotated[int, pydantic.Field(ge=0, le=64 << 20)] = 256
    ) -> bytes:
        """Fetch bytes of every value, as in a firmware image."""
        return bytes(range(256)) * (size // 256) + bytes(range(size % 256))

    @base.driver_passthru(['POST'], attach=True)
    def collect_logs(
        self, lines: Annotated[int, pydantic.Field(ge=0, le=100_000)] = 3
    ) -> base.Attachment:
        """Collect all logs; the file is the result of the operation."""
        return base.Attachment(
            data=''.join(f'{line} fan {line} ok\n' for line in range(lines)),
            filename='logs.txt',
        )

    @base.driver_passthru(['GET', 'POST'], async_call=False)
    def slow(self, seconds: Seconds = 5) -> dict[str, float]:
        """Take some seconds, as hardware does."""
        time.sleep(seconds)
        return {'slept': seconds}

    # A DriverError: the client gets status and message.
    @base.driver_passthru(['POST'], async_call=False)
    def fail(
        self,
        kind: Literal[
            'paper', 'invalid', 'not-found', 'conflict', 'temporary', 'vendor'
        ] = 'paper',
    ) -> None:
        """Fail with one of the errors that a driver may raise."""
        raise {
            'paper': OutOfPaper(rack='r1'),
            'invalid': errors.InvalidParameterValue('the rack does not exist'),
            'not-found': errors.NotFound('the rack was removed'),
            'conflict': errors.Conflict('the rack is being serviced'),
            'temporary': errors.TemporaryFailure('the rack is starting'),
            'vendor': errors.VendorPassthruException(
                'the rack rejected the request'
            ),
        }[kind]

    # Any other exception: the client gets a fixed message; the cause is
    # logged.
    @base.driver_passthru(['POST'], async_call=False)
    def crash(
        self,
        kind: Literal['error', 'exit', 'interrupt', 'recurse'] = 'error',
    ) -> None:
        """Fail with an exception that is not for the client."""
        if kind == 'exit':
            raise SystemExit(3)
        if kind == 'interrupt':
            raise KeyboardInterrupt
        if kind == 'recurse':
            self.crash(kind)
        raise RuntimeError(f'cannot reach 192.0.2.7 with {_LOGIN}')

    @base.driver_passthru(['POST'])
    def crash_later(self) -> None:
        """Fail after the call was accepted."""
        raise RuntimeError(f'cannot reach 192.0.2.7 with {_LOGIN}')

    @base.driver_passthru(['GET'], async_call=False)
    def unserialisable(
        self, kind: Literal['object', 'nan', 'cycle'] = 'object'
    ) -> Any:
        """Return a value that has no JSON form, by mistake."""
        cycle: list[Any] = []
        cycle.append(cycle)
        return {'object': object(), 'nan': float('nan'), 'cycle': cycle}[kind]

    @base.driver_passthru(['GET'], async_call=False)
    def large(
        self, size: Annotated[int, pydantic.Field(ge=0, le=64 << 20)] = 1 << 20
    ) -> str:
        """Return a text of the given size."""
        return 'x' * size

    @base.driver_passthru(['GET', 'POST'], async_call=False)
    def no_op(self) -> None:
        """Do nothing."""

    @base.driver_passthru(['POST'])
    def no_op_async(self) -> None:
        """Do nothing, asynchronously."""


# Must not be shown, not even in a source line of a traceback.
_LOGIN = 'password=hunter2'

# A GIF of one pixel.
_PIXEL = bytes.fromhex(
    '47494638396101000100800000000000ffffff21f90401000000002c00000000'
    '010001000002024401003b'
)
