"""Where a connection comes from."""

import asyncio
from dataclasses import dataclass, field
from math import inf

from gateway.data.log_members import members


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a client's connection."""

    # Text of the IP address; empty for a Unix socket.
    address: str
    # Subject of a client certificate that was verified, as RFC 4514 writes it; empty: none.
    subject: str = ""
    # Until when the subject holds, in seconds since 1970.
    ends_s: float = inf
    # As the access log tells it.
    log_members: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "log_members", members(peer=self.address))


def peer_of(transport: asyncio.BaseTransport) -> Peer:
    """The peer of a connection that was just made."""
    name = transport.get_extra_info("peername")
    # A Unix socket's is a string.
    address = str(name[0]) if isinstance(name, tuple) else ""
    return Peer(address, *_certified(transport))


def _certified(transport: asyncio.BaseTransport) -> tuple[str, float]:
    """Subject of the client's certificate, and when its time is over."""
    tls = transport.get_extra_info("ssl_object")
    # A certificate that did not hold has ended the handshake.
    certificate = None if tls is None else tls.getpeercert(binary_form=True)
    if certificate is None:
        return "", inf
    # 15 MB that a worker without TLS does not need.
    from cryptography import x509

    read = x509.load_der_x509_certificate(certificate)
    return read.subject.rfc4514_string(), read.not_valid_after_utc.timestamp()
