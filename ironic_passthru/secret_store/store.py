# SPDX-License-Identifier: Apache-2.0
"""Reader of the secrets of one key manager."""

import threading
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

EXTRA = "pip install 'ironic-passthru[castellan]'"

_GROUP = 'key_manager'
# barbicanclient raises ValueError with this text.
_NO_UUID = 'Secret incorrectly specified.'
# Characters of an error that is not known.
_MAX_REASON = 200


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
    :raises: ConfigError if the file is invalid, or castellan is missing.
    """

    def __init__(
        self,
        config_file: str,
        *,
        option: str,
        read_seconds: float = READ_SECONDS,
    ) -> None:
        self._config_file = config_file
        self._read_seconds = read_seconds
        self._thread: threading.Thread | None = None
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

        conf = cfg.ConfigOpts()
        conf(
            [],
            prog='castellan',
            default_config_files=[self._config_file],
            default_config_dirs=[],
        )
        self._manager: Any = key_manager.API(conf)
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
        if self._thread is not None and self._thread.is_alive():
            # Another thread would wait as well.
            raise self._late()
        result: futures.Future[str] = futures.Future()
        self._thread = threading.Thread(
            target=self._run,
            args=(identifier, result),
            name=library_logs.THREAD,
            daemon=True,
        )
        self._thread.start()
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

    def _text(self, identifier: str) -> str:
        data = self._manager.get(self._context, identifier).get_encoded() or ''
        # A secret of the type text/plain in Barbican is not bytes.
        text = data if isinstance(data, str) else bytes(data).decode()
        text = text.removesuffix('\n').removesuffix('\r')
        if not text:
            raise SecretUnusable('its secret is empty; store it again')
        return text

    def _translated(self, error: Exception) -> Exception:
        """Return the exception of this module for one of a key manager."""
        from castellan.common import exception

        if isinstance(error, SecretUnusable):
            return error
        if (
            isinstance(error, exception.ManagedObjectNotFoundError)
            or str(error) == _NO_UUID
        ):
            return SecretUnusable(
                'its secret does not exist in the secret store; store it, or '
                'correct its identifier'
            )
        if isinstance(error, exception.Forbidden):
            return SecretUnusable(
                'the secret store denies access to its secret; check the '
                f'credentials in {self._config_file} and their rights'
            )
        if isinstance(error, UnicodeDecodeError):
            return SecretUnusable('its secret is not UTF-8 text')
        if isinstance(error, exception.CastellanException | OSError):
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


def _chain(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__
