# SPDX-License-Identifier: Apache-2.0
"""Methods for the users of BMCs."""

from typing import Annotated
from typing import Any
from typing import Unpack

import pydantic
from typing_extensions import TypedDict

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru.drivers import base
from ironic_passthru.drivers.redfish import passwords
from ironic_passthru.drivers.redfish import results
from ironic_passthru.drivers.redfish import selection
from ironic_passthru.drivers.redfish.methods import fleet

_User = Annotated[
    Annotated[str, pydantic.Field(min_length=1, max_length=255)] | None,
    pydantic.Field(
        description='Name of the user; by default that of the inventory.'
    ),
]
_Password = Annotated[
    str,
    pydantic.Field(
        min_length=1, max_length=255, description='The new password.'
    ),
]


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
        """Check, in addition, that a new password is printable.

        :raises: MissingParameterValue, InvalidParameterValue
        """
        super().driver_validate(method, **kwargs)
        if method == 'set_password':
            password = kwargs.get('password')
            if password is not None and not password.isprintable():
                raise errors.InvalidParameterValue(
                    'password contains characters that are not printable'
                )

    @base.driver_passthru(['GET'], async_call=False, target=selection.NAMES)
    def accounts(
        self,
        context: request_context.RequestContext,
        **options: Unpack[selection.FleetOptions],
    ) -> results.FleetResult[AccountsItem]:
        """Return the users of BMCs with their roles."""
        return self._each(context, options, passwords.accounts)

    @base.driver_passthru(
        ['PUT'], async_call=False, target=selection.NAMES, secret=['password']
    )
    def set_password(
        self,
        context: request_context.RequestContext,
        *,
        password: _Password,
        user: _User = None,
        **options: Unpack[selection.FleetOptions],
    ) -> results.ChangeResult[PasswordItem]:
        """Change the password of a BMC user.

        The password of the inventory's user is also stored in the inventory.
        """
        return self._each(
            context,
            options,
            lambda machine: passwords.PasswordChange(
                machine, self._inventory, user, password
            ).run(),
            change=True,
        )
