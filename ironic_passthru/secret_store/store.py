# SPDX-License-Identifier: Apache-2.0
"""Reader of the secrets of one key manager."""

import threading
import time
from collections.abc import Iterator
from concurrent import futures
from typing import Any

from oslo_config import cfg

from ironic_passthru import errors
from ironic_passthru.redaction import control_characters
from ironic_passthru.redaction import credentials
from ironic_passthru.redaction import log_filter
from ironic_passthru.secret_store import library_logs

#: Time to read one secret, in seconds. The client of Barbican has no timeout.
READ_SECONDS = 30.0

#: Time after which a read that does not return no longer delays others, in
#: seconds. Each one leaves a thread.
ABANDON_SECONDS = 300.0

EXTRA = "pip install 'ironic-passthru[castellan]'"

_GROUP = 'key_manager'
# barbicanclient raises ValueError with this text.
_NO_UUID = 'Secret incorrectly specified.'
# The key manager of Vault raises KeyManagerError with this text.
_UNKNOWN_TYPE = 'Unknown type'
# Characters of an error that is not known.
_MAX_REASON = 200
# Characters of a secret: more than an option with keys needs.
_MAX_SECRET = 65536
_FORBIDDEN = 403


class SecretUnusable(Exception):
    """A secret does not exist, or cannot be used.

    ``str()`` is reason and remedy, a clause without the secret and its
    identifier: an administrator may confuse both.
    """


class StoreUnavailable(Exception):
    """The key manager cannot be used now.

    ``str()`` is reason and remedy, a clause.
    """


class SecretStore:
    """A key manager; only one thread at a time may use it.

    :param config_file: configuration file of castellan.
    :param option: the option that names the file, for errors.
    :param read_seconds: time to read one secret.
    :param abandon_seconds: time after which an earlier read is abandoned.
    :raises: ConfigError if the file is invalid, or castellan is missing.
    """

    def __init__(
        self,
        config_file: str,
        *,
        option: str,
        read_seconds: float = READ_SECONDS,
        abandon_seconds: float = ABANDON_SECONDS,
    ) -> None:
        self._config_file = config_file
        self._read_seconds = read_seconds
        self._abandon_seconds = abandon_seconds
        # That of the last read; its thread may outlive it.
        self._result: futures.Future[str] | None = None
        self._started_at = 0.0
        self._is_outdated = False
        try:
            self._open()
        except ImportError as error:
            if not (error.name or '').startswith('castellan'):
                raise self._invalid(option, error) from None
            raise errors.ConfigError(
                f'{option} needs castellan; run: {EXTRA}'
            ) from None
        except Exception as error:
            # Key managers of vendors raise any class.
            raise self._invalid(option, error) from None
        credentials.check_file(config_file)

    def _open(self) -> None:
        """Load the key manager, which does not connect yet."""
        # An optional package, whose import is expensive.
        from castellan import key_manager
        from castellan.common import utils

        from ironic_passthru.secret_store import vault_status

        conf = cfg.ConfigOpts()
        conf(
            [],
            prog='castellan',
            default_config_files=[self._config_file],
            default_config_dirs=[],
        )
        self._manager: Any = key_manager.API(conf)
        vault_status.check(self._manager)
        conf.register_opts(utils.credential_opts, group=_GROUP)
        # Vault has options of its own for credentials.
        self._context = (
            utils.credential_factory(conf)
            if conf.key_manager.auth_type
            else None
        )
        library_logs.omit()

    def _invalid(self, option: str, error: Exception) -> errors.ConfigError:
        return errors.ConfigError(
            f'{option}: {self._config_file} is not valid: {describe(error)}'
        )

    def read(self, identifier: str) -> str:
        """Return a secret without the line break at its end.

        :param identifier: path in Vault, or UUID in Barbican.
        :raises: SecretUnusable; StoreUnavailable, also after
            ``read_seconds``.
        """
        if not identifier:
            # castellan would report an error of the key manager.
            raise SecretUnusable('the identifier of its secret is empty')
        if self._result is not None and not self._result.done():
            age = time.monotonic() - self._started_at
            if age < self._abandon_seconds:
                # Another thread would wait as well.
                raise self._late()
            # That thread still uses the key manager.
            self._is_outdated = True
        result: futures.Future[str] = futures.Future()
        self._result = result
        self._started_at = time.monotonic()
        threading.Thread(
            target=self._run,
            args=(identifier, result),
            name=library_logs.THREAD,
            daemon=True,
        ).start()
        try:
            return result.result(self._read_seconds)
        except TimeoutError:
            raise self._late() from None

    def _late(self) -> StoreUnavailable:
        return self._unavailable(f'no response in {self._read_seconds:g} s')

    def _unavailable(self, reason: str) -> StoreUnavailable:
        return StoreUnavailable(
            f'the secret store cannot be used: {reason}; start it, or correct '
            f'its address and credentials in {self._config_file}'
        )

    def _run(self, identifier: str, result: 'futures.Future[str]') -> None:
        try:
            result.set_result(self._text(identifier))
        except Exception as error:
            result.set_exception(self._translated(error))

    def _reopen(self) -> None:
        """Use the present credentials and a new login.

        castellan uses a token of Vault until it expires, even if it has been
        revoked.

        :raises: StoreUnavailable if the file is not valid now.
        """
        try:
            self._open()
            credentials.check_file(self._config_file)
        except Exception as error:
            raise self._unavailable(describe(error)) from None
        self._is_outdated = False

    def _text(self, identifier: str) -> str:
        if self._is_outdated:
            self._reopen()
        data = self._manager.get(self._context, identifier).get_encoded() or ''
        # A secret of the type text/plain in Barbican is not bytes.
        text = data if isinstance(data, str) else bytes(data).decode()
        text = text.removesuffix('\n').removesuffix('\r')
        if not text:
            raise SecretUnusable('its secret is empty; store it again')
        if len(text) > _MAX_SECRET:
            raise SecretUnusable(
                f'its secret has more than {_MAX_SECRET} characters'
            )
        return text

    def _translated(self, error: Exception) -> Exception:
        """Return the exception of this module for one of a key manager."""
        from castellan.common import exception

        if isinstance(error, SecretUnusable | StoreUnavailable):
            return error
        if (
            isinstance(error, exception.ManagedObjectNotFoundError)
            or str(error) == _NO_UUID
        ):
            return SecretUnusable(
                'its secret does not exist in the secret store; store it, or '
                'correct its identifier'
            )
        if isinstance(error, exception.Forbidden) or _is_denied(error):
            self._is_outdated = True
            return SecretUnusable(
                'the secret store denies access to its secret; check the '
                f'credentials in {self._config_file} and their rights'
            )
        if isinstance(error, UnicodeDecodeError):
            return SecretUnusable('its secret is not UTF-8 text')
        is_known = isinstance(error, exception.CastellanException | OSError)
        if is_known and not str(error).startswith(_UNKNOWN_TYPE):
            self._is_outdated = True
            return self._unavailable(_reason(error))
        return SecretUnusable(
            'its secret cannot be decoded by castellan '
            f'({type(error).__name__}); store it in the form of castellan'
        )


def describe(error: Exception) -> str:
    """Return the reason why castellan cannot be started."""
    if isinstance(error, TypeError):
        # It uses options without checking that they are set.
        return 'the group needs config_file and mapping_file'
    text = credentials.describe(error)
    if isinstance(error, ImportError | ValueError) and not isinstance(
        error, cfg.Error
    ):
        return f'backend in group [{_GROUP}] cannot be loaded ({text})'
    return text


def _reason(error: BaseException) -> str:
    """Return the reason of the operating system, else the text."""
    for cause in _chain(error):
        if isinstance(cause, OSError) and cause.strerror:
            return str(cause.strerror)
    text = ' '.join(log_filter.redact(str(error)).split())
    return control_characters.escape(text[:_MAX_REASON])


def _is_denied(error: BaseException) -> bool:
    """Return whether the client of Barbican got 403 for one secret."""
    return any(
        getattr(cause, 'status_code', None) == _FORBIDDEN
        for cause in _chain(error)
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__
