# SPDX-License-Identifier: Apache-2.0
"""Methods for the users of BMCs."""

from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Annotated
from typing import Any
from typing import Unpack

import pydantic
from typing_extensions import TypedDict

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru.drivers import base
from ironic_passthru.drivers.redfish import passwords as password_change
from ironic_passthru.drivers.redfish.methods import fleet
from ironic_passthru.fleet import results
from ironic_passthru.fleet import selection

_User = Annotated[
    Annotated[str, pydantic.Field(min_length=1, max_length=255)] | None,
    pydantic.Field(
        description='Name of the user; by default that of the inventory.'
    ),
]
_Text = Annotated[str, pydantic.Field(min_length=1, max_length=255)]
_Password = Annotated[
    _Text | None,
    pydantic.Field(description='The new password of all targets.'),
]
# Not called passwords: its names would be secret, too, and masked in errors.
_Secret = Annotated[
    pydantic.SecretStr, pydantic.Field(min_length=1, max_length=255)
]
_ByTarget = Annotated[
    Annotated[
        dict[_Text, _Secret], pydantic.Field(min_length=1, max_length=10_000)
    ]
    | None,
    pydantic.Field(
        description='New passwords by target, instead of password.'
    ),
]

_MAX_SHOWN = 10


class BmcAccount(TypedDict):
    """A user of the BMC."""

    id: str
    username: str
    role: str | None
    """RoleId, such as ``Administrator``."""
    enabled: bool | None
    locked: bool | None


class AccountsItem(results.PartialItem):
    """The users of a BMC."""

    accounts: list[BmcAccount]


class PasswordItem(results.ChangedItem):
    """The change of a password."""

    user: str
    """Name of the user."""
    stored: bool
    """Whether the inventory has the password of this user."""


class AccountMethods(fleet.FleetMethods):
    """The methods ``accounts`` and ``set_password``."""

    def driver_validate(self, method: str, **kwargs: Any) -> None:
        """Check, in addition, new passwords.

        :raises: MissingParameterValue, InvalidParameterValue
        """
        super().driver_validate(method, **kwargs)
        if method == 'set_password':
            names = [target.name for target in self._select(kwargs)]
            _by_target(names, kwargs.get('password'), kwargs.get('by_target'))

    @base.driver_passthru(['GET'], async_call=False, target=selection.NAMES)
    def accounts(
        self,
        context: request_context.RequestContext,
        **options: Unpack[selection.FleetOptions],
    ) -> results.FleetResult[AccountsItem]:
        """Return the users of BMCs with their roles."""
        return self._each(context, options, password_change.accounts)

    @base.driver_passthru(
        ['PUT'],
        async_call=False,
        target=selection.NAMES,
        secret=['password'],
    )
    def set_password(
        self,
        context: request_context.RequestContext,
        *,
        password: _Password = None,
        by_target: _ByTarget = None,
        user: _User = None,
        **options: Unpack[selection.FleetOptions],
    ) -> results.ChangeResult[PasswordItem]:
        """Change the password of a BMC user.

        Give either ``password`` or ``by_target``, one for each target.
        The password of the inventory's user is also stored in the inventory.
        """
        names = [target.name for target in self._select(options)]
        wanted = _by_target(names, password, by_target)
        return self._each(
            context,
            options,
            lambda machine: password_change.PasswordChange(
                machine, self._inventory, user, wanted[machine.target.name]
            ).run(),
            change=True,
        )


def _by_target(
    names: Sequence[str],
    password: str | None,
    by_target: Mapping[str, pydantic.SecretStr] | None,
) -> dict[str, str]:
    """Return the new passwords of targets by name.

    :raises: MissingParameterValue, InvalidParameterValue
    """
    if password is None and by_target is None:
        raise errors.MissingParameterValue(
            'The method set_password needs one of: password, by_target'
        )
    if password is not None and by_target is not None:
        raise errors.InvalidParameterValue(
            'Give only one of: password, by_target'
        )
    found = dict.fromkeys(names, password or '') | {
        name: each.get_secret_value()
        for name, each in (by_target or {}).items()
    }
    if not all(map(str.isprintable, found.values())):
        raise errors.InvalidParameterValue(
            'A new password contains characters that are not printable'
        )
    if by_target is not None:
        _check_names('by_target lacks', set(names) - {*by_target})
        _check_names('by_target has unselected', {*by_target} - set(names))
    return found


def _check_names(problem: str, names: Collection[str]) -> None:
    if names:
        shown = ', '.join(sorted(names)[:_MAX_SHOWN])
        more = len(names) - _MAX_SHOWN
        raise errors.InvalidParameterValue(
            f'{problem} targets: {shown}'
            + (f' and {more} more' if more > 0 else '')
        )
