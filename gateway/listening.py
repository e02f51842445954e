"""The listening sockets of the data plane: one for each worker, all on the same address.

The kernel spreads new connections over them by a hash of both ends' addresses (SO_REUSEPORT): each
worker gets about the same share of many clients, though not of four. A connection stays in the
queue of its socket until the worker of that socket accepts it, whoever of its workers that is.
"""

import socket

from gateway.errors import ConfigurationError

Listeners = list[socket.socket]


def open_listeners(host: str, port: int, workers: int = 1) -> list[Listeners]:
    """Bound sockets for each worker, one for each address of the host; whoever accepts, listens.

    Raises ConfigurationError where another program has the address.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        addresses = [(family, address) for family, _, _, _, address in dict.fromkeys(found)]
        opened = [_open(family, address, workers) for family, address in addresses]
    except OSError as error:
        raise cannot_listen(host, port, error) from error
    return [list(sockets) for sockets in zip(*opened, strict=True)]


def cannot_listen(host: str, port: int, error: OSError) -> ConfigurationError:
    """What a person is told."""
    return ConfigurationError(
        f"Cannot listen on {host}:{port} ({error.strerror}); "
        "end what uses it or set CONCH_HOST and CONCH_PORT."
    )


def _open(family: int, address: tuple[object, ...], workers: int) -> Listeners:
    # Sockets that share a port would join those of another gateway: one that does not share finds
    # out that there is none, and which port is meant by 0.
    first = _bind(family, address, shared=False)
    if workers == 1:
        return [first]
    with first:
        taken = first.getsockname()
        return [_bind(family, taken, shared=True) for _ in range(workers)]


def _bind(family: int, address: tuple[object, ...], *, shared: bool) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener
