# SPDX-License-Identifier: Apache-2.0
"""Change of the password of one BMC user, also in the inventory."""

import logging

from ironic_passthru.drivers.redfish import bmc
from ironic_passthru.drivers.redfish import bmc_target
from ironic_passthru.drivers.redfish import client as bmc_client
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.drivers.redfish import partial_reader
from ironic_passthru.drivers.redfish import resource
from ironic_passthru.drivers.redfish.inventories import base as inventories

LOG = logging.getLogger(__name__)

# Time until a BMC accepts a new password, in seconds.
_PAUSE_SECONDS = 2.0

# Errors after which the BMC may have the new password.
_UNKNOWN = (
    failures.ChangeOutcomeUnknown,
    failures.NotApplied,
    failures.RejectedAfterAcceptance,
    failures.ServerError,
    failures.TaskFailed,
)


def accounts(machine: bmc.Bmc) -> failures.Item:
    """Return the accounts of a BMC that have a user name."""
    reader = partial_reader.PartialReader(machine.client)
    found = [
        {
            'id': account.identity,
            'username': account.text('UserName'),
            'role': account.text('RoleId'),
            'enabled': account.flag('Enabled'),
            'locked': account.flag('Locked'),
        }
        for account in reader.members(_collection(machine))
        # Some BMCs have a fixed number of accounts, most of them empty.
        if account.text('UserName')
    ]
    reader.check(found=bool(found) or not reader.warnings)
    return {
        'reachable': True,
        'accounts': found,
        'warnings': reader.warnings,
    }


class PasswordChange:
    """The change of the password of one account.

    :param source: stores the new password if the user is that of the
        inventory.
    :param user: name of the user; ``None`` for that of the inventory.
    """

    def __init__(
        self,
        machine: bmc.Bmc,
        source: inventories.InventorySource,
        user: str | None,
        password: str,
    ) -> None:
        self._client = machine.client
        # Some BMCs include rejected values in their messages.
        self._client.add_secret(password)
        self._machine = machine
        self._source = source
        self._address = machine.target.address
        self._user = self._address.username if user is None else user
        self._password = password
        self._is_own = self._user == self._address.username

    def run(self) -> failures.Item:
        """Change the password; return the item of the target."""
        try:
            names = self._names() if self._is_own else []
        except inventories.PasswordNotStored as exc:
            return {**_not_stored(exc), 'user': self._user, 'changed': False}
        if names and self._is_stored():
            # A target of the same call may have changed it just now.
            with self._client.with_password(self._password) as client:
                client.get(_service(client).path)
            return self._item(changed=False)
        account = self._account()
        if account is None:
            return _failed(
                'account_not_found', 'The BMC has no user of this name.'
            )
        self._check_length()
        if self._client.dry_run or not self._is_own:
            self._client.patch(account, {'Password': self._password})
            return self._item(changed=True)
        return self._change_own(account, names)

    def _change_own(
        self, account: resource.Resource, names: list[str]
    ) -> failures.Item:
        """Change the password of the inventory's user, and store it."""
        try:
            self._client.patch(account, {'Password': self._password})
        except _UNKNOWN as exc:
            valid = self._valid(account.path)
            if valid != self._password:
                return {
                    **failures.classify(exc).item(),
                    'user': self._user,
                    'changed': None if valid is None else False,
                }
        try:
            self._store(names, self._password)
            return self._confirm(account.path, names)
        except inventories.PasswordNotStored as exc:
            return {**_not_stored(exc), 'user': self._user, 'changed': True}

    def _confirm(self, path: str, names: list[str]) -> failures.Item:
        """Read with the new password; store the old one if that is valid.

        :raises: PasswordNotStored.
        """
        valid = self._valid(path)
        if valid == self._password:
            return self._item(changed=True)
        if valid is None:
            item = _failed(
                'password_not_confirmed',
                'The BMC accepted the new password, which is stored now, but '
                'a read with it failed.',
            )
            return {**item, 'user': self._user, 'changed': True}
        self._store(names, valid)
        item = failures.classify(failures.NotApplied()).item()
        return {**item, 'user': self._user, 'changed': False}

    def _valid(self, path: str) -> str | None:
        """Return the valid password, the new or the old one, if known."""
        for password, pause_seconds in (
            (self._password, 0.0),
            # Some BMCs need a moment. More attempts could lock the account.
            (self._password, _PAUSE_SECONDS),
            (self._address.password, 0.0),
        ):
            if pause_seconds:
                self._client.pause(pause_seconds)
            try:
                with self._client.with_password(password) as client:
                    client.get(path)
            except failures.LoginRequired:
                continue
            except failures.MissingPrivilege:
                return password
            except failures.BmcError:
                return None
            return password
        return None

    def _names(self) -> list[str]:
        """Return the targets whose entries contain the user's password.

        :raises: PasswordNotStored if one of them cannot be changed.
        """
        names = [
            target.name
            for target in self._source.current().everything()
            if _login(target.address) == _login(self._address)
        ]
        if self._machine.target.name not in names:
            raise inventories.PasswordNotStored(
                'The target has been changed in the inventory meanwhile.'
            )
        for name in names:
            self._source.can_store(name)
        return names

    def _is_stored(self) -> bool:
        name = self._machine.target.name
        target = self._source.current().target(name)
        return target.address.password == self._password

    def _store(self, names: list[str], password: str) -> None:
        """Store a password for several targets.

        :raises: PasswordNotStored.
        """
        try:
            for name in names:
                self._source.store_password(name, password)
        except inventories.PasswordNotStored:
            raise
        except Exception:
            # The source may be a vendor's. Its text may contain the password.
            LOG.error(
                'The inventory source cannot store the changed password of '
                'target %s',
                self._machine.target.name,
            )
            raise inventories.PasswordNotStored(
                'The inventory source failed.'
            ) from None

    def _account(self) -> resource.Resource | None:
        """Return the account of the user.

        :raises: the first error if another account could not be read.
        """
        reader = partial_reader.PartialReader(self._client)
        paths = reader.member_paths(_collection(self._machine))
        for account in reader.get_all(paths):
            if account.value('UserName') == self._user:
                return account
        reader.check(found=not reader.warnings)
        return None

    def _check_length(self) -> None:
        """Check the length against the limits of the BMC.

        :raises: ValueNotAllowed.
        """
        service = _service(self._client)
        low = service.number('MinPasswordLength') or 0
        high = service.number('MaxPasswordLength') or 0
        size = len(self._password)
        if size >= low and (size <= high or not high):
            return
        allowed = f'{low:.0f} to {high:.0f}' if high else f'{low:.0f} or more'
        raise failures.ValueNotAllowed(
            f'The BMC does not allow {size} characters as password; allowed: '
            f'{allowed} characters. Nothing was sent.'
        )

    def _item(self, *, changed: bool) -> failures.Item:
        return {
            'reachable': True,
            'user': self._user,
            'changed': changed,
            'stored': self._is_own,
        }


def _login(address: bmc_target.Address) -> tuple[str, str]:
    return address.url, address.username


def _failed(code: str, message: str) -> failures.Item:
    """Return the item of a target with an error of this module."""
    return failures.BmcFailure(code, True, message).item()


def _not_stored(exc: inventories.PasswordNotStored) -> failures.Item:
    return _failed('password_not_stored', str(exc))


def _service(client: bmc_client.BmcClient) -> resource.Resource:
    """Read AccountService 1.0 (2015) or later."""
    return client.follow(client.root(), 'AccountService')


def _collection(machine: bmc.Bmc) -> resource.Resource:
    client = machine.client
    return client.follow(_service(client), 'Accounts')
