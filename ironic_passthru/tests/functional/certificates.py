# SPDX-License-Identifier: Apache-2.0
"""Certificates for the servers and clients of one test."""

import pathlib
import ssl

import fixtures
import trustme

import ironic_passthru

_ROOT = pathlib.Path(ironic_passthru.__file__).parents[1]
_EXAMPLES = _ROOT / 'doc' / 'source' / 'examples'

# The certificate of a server has this name and no IP address.
SERVER = 'localhost'


class Certificates(fixtures.Fixture):
    """A CA, a certificate for servers on this host and one for clients.

    :param server: host name of the servers; oslo.messaging uses another
        name for localhost if a broker has several hosts.
    :ivar directory: directory of all files.
    :ivar ca: file of the CA certificate.
    :ivar other_ca: file of another CA certificate.
    :ivar server_cert: certificate chain for ``localhost``.
    :ivar server_key: the key of ``server_cert``.
    :ivar client_cert: certificate chain for clients.
    :ivar client_key: the key of ``client_cert``.
    """

    def __init__(self, server: str = SERVER) -> None:
        super().__init__()
        self.server = server

    def _setUp(self) -> None:
        self.directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        authority = trustme.CA()
        self.ca = self._write('ca.pem', authority.cert_pem)
        self.other_ca = self._write('other-ca.pem', trustme.CA().cert_pem)
        server = authority.issue_cert(self.server)
        self.server_cert = self._write('server.pem', *server.cert_chain_pems)
        self.server_key = self._write('server.key', server.private_key_pem)
        client = authority.issue_cert('client.example.com')
        self.client_cert = self._write('client.pem', *client.cert_chain_pems)
        self.client_key = self._write('client.key', client.private_key_pem)

    @property
    def client(self) -> tuple[pathlib.Path, pathlib.Path]:
        """The files of a client: its certificate and its key."""
        return self.client_cert, self.client_key

    def in_example(self, name: str, directory: str) -> str:
        """Return an example of the documentation with these files.

        :param directory: their directory in the example.
        """
        return self.in_file(_EXAMPLES / name, directory)

    def in_file(self, path: pathlib.Path, directory: str) -> str:
        """Return the text of a file with the names of these files.

        :param directory: their directory in the text.
        """
        text = path.read_text(encoding='utf-8')
        if directory not in text:
            raise RuntimeError(f'{path} does not mention {directory}')
        return text.replace(directory, str(self.directory))

    def client_context(self) -> ssl.SSLContext:
        """Return the TLS context of a client with a certificate."""
        context = ssl.create_default_context(cafile=self.ca)
        context.load_cert_chain(*self.client)
        return context

    def _write(self, name: str, *blobs: trustme.Blob) -> pathlib.Path:
        path = self.directory / name
        path.write_bytes(b''.join(blob.bytes() for blob in blobs))
        if path.suffix == '.key':
            # Some programs reject a key that other users can read.
            path.chmod(0o600)
        return path
