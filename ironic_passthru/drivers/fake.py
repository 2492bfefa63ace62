# SPDX-License-Identifier: Apache-2.0
"""``fake-hardware``: one method of each kind, without any hardware.

It serves to try the service, to test it, and as a tutorial: read it from
top to bottom to see all that a driver can do.
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

# A model describes a parameter that is an object; its bounds and those of
# plain parameters become part of the JSON Schema that requests must fit.
# Descriptions go to the pages about the driver.
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


# The rack that is meant unless a caller names another one.
_RACK = 'r1'


class FanCurve(pydantic.BaseModel):
    """Speed of a fan over temperature."""

    celsius: list[Annotated[int, pydantic.Field(ge=-40, le=125)]]
    percent: list[Percent]


class OutOfPaper(errors.DriverError):
    """An error of this driver's own, with a status of its own."""

    code = 'fake_out_of_paper'
    status = 507
    _msg_fmt = 'The printer of rack %(rack)s is out of paper.'


class FakeVendor(base.VendorInterface):
    """Pretended rack controllers."""

    def get_properties(self) -> dict[str, str]:
        """Return what an operator can set for this driver."""
        return {
            'fake_rack': 'Name of the pretended rack. Optional.',
            'fake_delay': 'Seconds that the pretended hardware takes. '
            'Optional; 0 by default.',
        }

    def driver_validate(self, method: str, **kwargs: Any) -> None:
        """Refuse what types alone cannot: curves of unequal length."""
        curve = kwargs.get('curve')
        if curve and len(curve.celsius) != len(curve.percent):
            raise errors.InvalidParameterValue(
                'curve: celsius and percent must have the same length'
            )

    # A synchronous method: the caller waits for its result.
    @base.driver_passthru(['GET'], async_call=False)
    def hello(self, name: str = 'world') -> dict[str, str]:
        """Greet somebody; the simplest method there is."""
        return {'greeting': f'Hello, {name}!'}

    # An asynchronous one (the default): the caller gets 202 at once, with
    # the address of an operation that tells how it went.
    @base.driver_passthru(['POST'])
    def start_fan_test(
        self, context: request_context.RequestContext, seconds: Seconds = 0
    ) -> None:
        """Spin all fans up and down for some seconds."""
        time.sleep(seconds)

    # It tells how far it has come, and looks whether it is still wanted
    # where it can stop without harm: by errors.Cancelled its operation ends
    # as cancelled. What it returns is kept for a while.
    @base.driver_passthru(['POST'])
    def inspect_rack(
        self,
        context: request_context.RequestContext,
        slots: Annotated[int, pydantic.Field(ge=1, le=1000)] = 10,
        seconds_per_slot: Annotated[float, pydantic.Field(ge=0, le=60)] = 0.5,
    ) -> dict[str, Any]:
        """Inspect slot after slot of a rack, until told to stop."""
        # No parameter names the hardware, so the method does: audit, record
        # and notifications show it then.
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

    # target: calls for one BMC are limited, so that a BMC which hangs takes
    # no more than a few workers.
    @base.driver_passthru(['POST'], target='bmc')
    def power_cycle(
        self, bmc: Address, seconds: Seconds = 0
    ) -> dict[str, str]:
        """Switch a server off and on again through its BMC."""
        time.sleep(seconds)
        return {'bmc': bmc, 'power': 'on'}

    # Secrets are masked wherever the parameters of a call are kept.
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

    # dangerous: refused, whoever asks, unless [conductor]
    # allowed_dangerous_methods names it.
    @base.driver_passthru(
        ['POST'], async_call=False, target='bmc', dangerous=True
    )
    def erase(self, bmc: Address) -> dict[str, Any]:
        """Erase all disks of a server, which nothing brings back."""
        return {'bmc': bmc, 'erased': True}

    # secret: the caller gets the ticket; where the result is kept, *** is in
    # its place.
    @base.driver_passthru(
        ['POST'], async_call=False, target='bmc', secret=['ticket']
    )
    def open_console(self, bmc: Address) -> dict[str, str]:
        """Open the console of a server with a ticket of its own."""
        return {'bmc': bmc, 'ticket': secrets.token_urlsafe()}

    # timeout: callers wait for this one longer than for others.
    @base.driver_passthru(['POST'], async_call=False, timeout=120)
    def self_test(self, seconds: Seconds = 0) -> dict[str, Any]:
        """Test everything; it may take two minutes."""
        time.sleep(seconds)
        return {'passed': True, 'seconds': seconds}

    # Several verbs in one method; http_method tells which one it was.
    @base.driver_passthru(['GET', 'PUT', 'DELETE'], async_call=False)
    def asset_tag(
        self,
        context: request_context.RequestContext,
        http_method: str,
        rack: str = _RACK,
        tag: Annotated[str, pydantic.Field(max_length=32)] | None = None,
    ) -> dict[str, str | None]:
        """Read, write or clear the asset tag of a rack controller."""
        # A default may have selected the rack.
        context.report_targets([rack])
        if http_method == 'PUT' and tag is None:
            raise errors.MissingParameterValue('PUT needs the parameter tag')
        action = {'GET': 'read', 'PUT': 'written', 'DELETE': 'cleared'}
        return {'rack': rack, 'tag': tag, 'action': action[http_method]}

    # Enumerations, nested models and lists are all checked before it runs.
    @base.driver_passthru(['PUT'], async_call=False)
    def set_fans(
        self,
        mode: Literal['auto', 'manual', 'full'],
        speed: Percent = 50,
        curve: FanCurve | None = None,
    ) -> dict[str, Any]:
        """Set how the fans of the rack run."""
        return {'mode': mode, 'speed': speed, 'curve': curve}

    # **kwargs takes any parameters, and needs no further declaration.
    @base.driver_passthru(['POST'], async_call=False)
    def echo(self, http_method: str, **kwargs: Any) -> dict[str, Any]:
        """Return whatever parameters it is called with."""
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

    # attach: the result is the raw body of the answer.
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
        """Fetch bytes of every value, as a firmware image has them."""
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

    # An error of the project's: status and sentence reach the client.
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
            'invalid': errors.InvalidParameterValue('there is no such rack'),
            'not-found': errors.NotFound('the rack has been taken away'),
            'conflict': errors.Conflict('the rack is being serviced'),
            'temporary': errors.TemporaryFailure('the rack is starting'),
            'vendor': errors.VendorPassthruException('the rack said no'),
        }[kind]

    # Anything else: the client gets a fixed sentence, the log the cause.
    @base.driver_passthru(['POST'], async_call=False)
    def crash(
        self,
        kind: Literal['error', 'exit', 'interrupt', 'recurse'] = 'error',
    ) -> None:
        """Fail with something that was not meant for the client."""
        if kind == 'exit':
            raise SystemExit(3)
        if kind == 'interrupt':
            raise KeyboardInterrupt
        if kind == 'recurse':
            self.crash(kind)
        raise RuntimeError(f'cannot reach 192.0.2.7 with {_LOGIN}')

    @base.driver_passthru(['POST'])
    def crash_later(self) -> None:
        """Fail after the caller was told that the call is accepted."""
        raise RuntimeError(f'cannot reach 192.0.2.7 with {_LOGIN}')

    @base.driver_passthru(['GET'], async_call=False)
    def unserialisable(
        self, kind: Literal['object', 'nan', 'cycle'] = 'object'
    ) -> Any:
        """Return something that has no JSON form, by mistake."""
        cycle: list[Any] = []
        cycle.append(cycle)
        return {'object': object(), 'nan': float('nan'), 'cycle': cycle}[kind]

    @base.driver_passthru(['GET'], async_call=False)
    def large(
        self, size: Annotated[int, pydantic.Field(ge=0, le=64 << 20)] = 1 << 20
    ) -> str:
        """Return a text of some bytes."""
        return 'x' * size

    @base.driver_passthru(['GET', 'POST'], async_call=False)
    def no_op(self) -> None:
        """Do nothing, as fast as it can be done."""

    @base.driver_passthru(['POST'])
    def no_op_async(self) -> None:
        """Do nothing, asynchronously."""


# What must never be seen, not even in a line of code of a traceback.
_LOGIN = 'password=hunter2'

# A GIF of one pixel, the smallest picture that is a picture.
_PIXEL = bytes.fromhex(
    '47494638396101000100800000000000ffffff21f90401000000002c00000000'
    '010001000002024401003b'
)
