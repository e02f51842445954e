"""Certificates for tests, issued by authorities that live as long as the test."""

import ssl
from pathlib import Path

import trustme

from gateway.tls import TlsFiles


def write_pair(authority: trustme.CA, directory: Path, name: str = "gateway") -> TlsFiles:
    """A certificate of this authority with its key, as files."""
    issued = authority.issue_cert(name)
    directory.mkdir(exist_ok=True)
    certificate, key = directory / "tls.crt", directory / "tls.key"
    certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    key.write_bytes(issued.private_key_pem.bytes())
    return TlsFiles(certificate=certificate, key=key, client_ca=None, is_client_required=False)


def client_context(authority: trustme.CA, issued: trustme.LeafCert | None = None) -> ssl.SSLContext:
    """A client that trusts this authority, and shows this certificate."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    if issued is not None:
        issued.configure_cert(context)
    return context
