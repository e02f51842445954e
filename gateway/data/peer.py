"""Where a connection comes from."""

import asyncio
from dataclasses import dataclass, field

from gateway.data.log_members import members


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a client's connection."""

    # Text of the IP address; empty for a Unix socket.
    address: str
    # Subject of a client certificate that was verified, as RFC 4514 writes it; empty: none.
    subject: str = ""
    # As the access log tells it.
    log_members: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "log_members", members(peer=self.address))


def peer_of(transport: asyncio.BaseTransport) -> Peer:
    """The peer of a connection that was just made."""
    name = transport.get_extra_info("peername")
    # A Unix socket's is a string.
    return Peer(str(name[0]) if isinstance(name, tuple) else "", _subject(transport))


def _subject(transport: asyncio.BaseTransport) -> str:
    tls = transport.get_extra_info("ssl_object")
    # A certificate that did not hold has ended the handshake.
    certificate = None if tls is None else tls.getpeercert(binary_form=True)
    if certificate is None:
        return ""
    # 15 MB that a worker without TLS does not need.
    from cryptography import x509

    return x509.load_der_x509_certificate(certificate).subject.rfc4514_string()
