# SPDX-License-Identifier: Apache-2.0
"""A key manager of castellan whose secrets are files."""

import errno
import pathlib
from typing import Any

from castellan.common import exception
from castellan.common.objects import passphrase
from castellan.key_manager import not_implemented_key_manager
from oslo_config import cfg

BACKEND = f'{__name__}.FileKeyManager'

_OPTS = [cfg.StrOpt('directory')]


class FileKeyManager(not_implemented_key_manager.NotImplementedKeyManager):
    """Secrets in a directory; unavailable without the directory."""

    def __init__(self, configuration: cfg.ConfigOpts) -> None:
        super().__init__(configuration)
        configuration.register_opts(_OPTS, group='files')
        self._directory = pathlib.Path(configuration.files.directory)

    def get(
        self,
        context: Any,
        managed_object_id: str,
        metadata_only: bool = False,
    ) -> passphrase.Passphrase:
        """Return a secret."""
        if managed_object_id == 'denied':
            raise exception.Forbidden()
        try:
            if not self._directory.exists():
                raise ConnectionRefusedError(
                    errno.ECONNREFUSED, 'Connection refused'
                )
            data = (self._directory / managed_object_id).read_bytes()
        except FileNotFoundError:
            raise exception.ManagedObjectNotFoundError(
                uuid=managed_object_id
            ) from None
        except OSError as error:
            raise exception.KeyManagerError(reason=error) from error
        return passphrase.Passphrase(data)


def write_config(home: pathlib.Path, **options: object) -> pathlib.Path:
    """Write a configuration of castellan; the secrets are in ``home/keys``.

    :param options: further options of the group ``key_manager``.
    """
    options = {'backend': BACKEND, **options}
    lines = [f'{name} = {value}\n' for name, value in options.items()]
    path = home / 'castellan.conf'
    path.write_text(
        f'[key_manager]\n{"".join(lines)}[files]\ndirectory = {home}/keys\n'
    )
    path.chmod(0o600)
    return path
