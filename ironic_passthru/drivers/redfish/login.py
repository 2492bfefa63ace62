# SPDX-License-Identifier: Apache-2.0
"""Header fields that authenticate the requests of a call."""

import base64
import dataclasses

from ironic_passthru.drivers.redfish import bmc_target


@dataclasses.dataclass(frozen=True)
class Session:
    """An open session on a BMC.

    :param token: value of X-Auth-Token.
    :param path: path to DELETE; ``None`` if the BMC did not return it.
    """

    token: str
    path: str | None


class BmcLogin:
    """Credentials of one BMC, by Basic or by a session.

    Most BMCs support only a few sessions, so Basic is the default.

    :ivar session: the open session, if any.
    :ivar is_denied: whether the BMC has rejected the credentials.
    """

    def __init__(self, address: bmc_target.Address) -> None:
        self._address = address
        pair = f'{address.username}:{address.password}'.encode()
        # RFC 7617, in UTF-8.
        self._pair = base64.b64encode(pair).decode()
        self.session: Session | None = None
        self.is_denied = False
        self._needs_session = address.login == 'session'
        self._has_fallback = address.login is None
        self._was_accepted = False
        self._was_renewed = False

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts that must not be shown."""
        return self._pair, self._address.password

    @property
    def needs_session(self) -> bool:
        """Whether a session must be opened before the next request."""
        return self._needs_session and self.session is None

    @property
    def kind(self) -> str | None:
        """The kind of login that the BMC accepted, else the configured one."""
        if self.session is not None:
            return 'session'
        return 'basic' if self._was_accepted else self._address.login

    @property
    def document(self) -> dict[str, str]:
        """Body of the request that opens a session."""
        return {
            'UserName': self._address.username,
            'Password': self._address.password,
        }

    def headers(self) -> dict[str, str]:
        """Return the header fields of the next request."""
        if self.session is not None:
            return {'X-Auth-Token': self.session.token}
        return {'Authorization': f'Basic {self._pair}'}

    def accepted(self) -> None:
        """Record that the BMC accepted the credentials."""
        self._was_accepted = True

    def rejected(self) -> bool:
        """Record status 401; return whether a session may be accepted.

        A BMC that has accepted Basic means a missing privilege by 401.
        """
        if self._was_accepted or not self._has_fallback:
            return False
        self._has_fallback, self._needs_session = False, True
        return True

    def expired(self) -> bool:
        """Record status 401 for a read; return whether to open a new session.

        Sessions end with a restart of the BMC, as for new firmware. One is
        renewed once in a call, because a BMC may mean a missing privilege.
        """
        if self.session is None or not self._was_accepted or self._was_renewed:
            return False
        self.session, self._was_renewed = None, True
        return True

    def denied(self) -> None:
        """Record that the BMC accepts no login, unless it accepted one."""
        self.is_denied = not self._was_accepted
