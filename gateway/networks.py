"""Networks that a key may be used from: CIDR, IPv4 and IPv6."""

import ipaddress
from collections.abc import Iterable
from functools import lru_cache

from gateway.errors import InvalidInput

MAX_NETWORKS = 32
# Bits before the IPv4 address in `::ffff:192.0.2.1`.
_MAPPED_BITS = 96

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def check_networks(texts: Iterable[str]) -> tuple[str, ...]:
    """`("10.0.0.0/8", "2001:db8::/32")` in canonical form; raises InvalidInput."""
    networks = tuple(dict.fromkeys(str(_parse_network(text)) for text in texts))
    if len(networks) > MAX_NETWORKS:
        raise InvalidInput(f"{len(networks)} networks; a key can have {MAX_NETWORKS}")
    return networks


@lru_cache(maxsize=8192)
def is_within(networks: tuple[str, ...], address: str) -> bool:
    """Whether the address is in one of the networks; what has none, as a Unix socket, is not."""
    found = parse_address(address)
    # A network holds no address of the other version.
    return found is not None and any(found in ipaddress.ip_network(text) for text in networks)


def parse_address(text: str) -> _Address | None:
    """The address of a peer, IPv4 if it is IPv4 mapped into IPv6; None if it is none."""
    try:
        # A link-local address names its interface: `fe80::1%eth0`.
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _parse_network(text: str) -> _Network:
    try:
        network = ipaddress.ip_network(text)
    except ValueError as error:
        raise InvalidInput(f"network {text!r} cannot be used ({error}); {_advice(text)}") from error
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is None or network.prefixlen < _MAPPED_BITS:
        return network
    return ipaddress.IPv4Network((mapped, network.prefixlen - _MAPPED_BITS))


def _advice(text: str) -> str:
    try:
        return f"did you mean {ipaddress.ip_network(text, strict=False)}?"
    except ValueError:
        return "write it as 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32"
