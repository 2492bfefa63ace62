# SPDX-License-Identifier: Apache-2.0
"""Certificates for the servers and clients of one test."""

import pathlib
import ssl

import fixtures
import trustme

import ironic_passthru

_ROOT = pathlib.Path(ironic_passthru.__file__).parents[1]
_EXAMPLES = _ROOT / 'doc' / 'source' / 'examples'

# The certificate of a server is for this name, and for no address.
SERVER = 'localhost'


class Certificates(fixtures.Fixture):
    """An authority, a certificate for servers here and one for clients.

    :param server: what the servers are called; oslo.messaging has another
        name for localhost where a broker has several hosts.
    :ivar directory: of all files.
    :ivar ca: file of the authority's certificate.
    :ivar other_ca: that of an authority which has issued none of these.
    :ivar server_cert: chain for servers that are reached as ``localhost``.
    :ivar server_key: its key.
    :ivar client_cert: chain for clients.
    :ivar client_key: its key.
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

        :param directory: where the example says that they are.
        """
        return self.in_file(_EXAMPLES / name, directory)

    def in_file(self, path: pathlib.Path, directory: str) -> str:
        """Return a file with these files for those that it names.

        :param directory: where it says that they are.
        """
        text = path.read_text(encoding='utf-8')
        if directory not in text:
            raise RuntimeError(f'{path} does not mention {directory}')
        return text.replace(directory, str(self.directory))

    def client_context(self) -> ssl.SSLContext:
        """Return what a client with its certificate verifies servers by."""
        context = ssl.create_default_context(cafile=self.ca)
        context.load_cert_chain(*self.client)
        return context

    def _write(self, name: str, *blobs: trustme.Blob) -> pathlib.Path:
        path = self.directory / name
        path.write_bytes(b''.join(blob.bytes() for blob in blobs))
        if path.suffix == '.key':
            # Some programs refuse a key that others can read.
            path.chmod(0o600)
        return path
