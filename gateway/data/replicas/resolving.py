"""The addresses behind the names of hosts, looked up again and again: Tritons come and go."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address

import structlog

from gateway.data.replicas.group import Replicas
from gateway.data.replicas.replica import Address, Replica

EVERY_S = 5.0
TIMEOUT_S = 3.0
MAX_PER_NAME = 256

Resolve = Callable[[str, int], Awaitable[list[str]]]
_log = structlog.get_logger()


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a name: of one family, as a host with two is not two Tritons."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    by_family: dict[int, set[str]] = {}
    for family, _, _, _, address in found:
        by_family.setdefault(family, set()).add(str(address[0]))
    chosen = by_family.get(socket.AF_INET) or by_family.get(socket.AF_INET6) or set()
    return sorted(chosen)[:MAX_PER_NAME]


class Names:
    """What was configured, and what is known of the names in it."""

    def __init__(self, given: Sequence[Address], resolve: Resolve = resolve) -> None:
        self._given = given
        self._resolve = resolve
        # A name with one address stays a name: whoever connects looks it up each time.
        self._known: dict[Address, list[Address]] = {address: [address] for address in given}

    @property
    def are_any(self) -> bool:
        """Whether there is anything to look up."""
        return any(_is_name(address.host) for address in self._given)

    async def look_up(self) -> list[Address]:
        """All addresses; of a name that is not found, those that it had."""
        names = [address for address in self._given if _is_name(address.host)]
        await asyncio.gather(*map(self._look_up, names))
        found = [one for given in self._given for one in self._known[given]]
        return list(dict.fromkeys(found))

    async def _look_up(self, name: Address) -> None:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                hosts = await self._resolve(name.host, name.port)
        except (OSError, TimeoutError, UnicodeError) as error:
            _log.warning("triton_name_not_found", host=name.host, error=repr(error))
            return
        if len(hosts) == 1:
            self._known[name] = [name]
        elif hosts:
            self._known[name] = [Address(host, name.port) for host in hosts]


async def follow_names(
    group: Replicas,
    names: Names,
    known: dict[Address, Replica],
    new: Callable[[Address], Replica],
    *,
    every_s: float = EVERY_S,
) -> None:
    """Use what the names stand for, now and later; goes on until cancelled.

    `known` are the Tritons that the group has, by address.
    """
    while names.are_any:
        await asyncio.sleep(every_s)
        found = await names.look_up()
        if found == list(known):
            continue
        replicas = {address: known.get(address) or new(address) for address in found}
        _log.info("tritons_changed", tritons=[replica.name for replica in replicas.values()])
        known.clear()
        known.update(replicas)
        group.replace(replicas.values())


def _is_name(host: str) -> bool:
    if host == "localhost":
        return False
    try:
        ip_address(host)
    except ValueError:
        return True
    return False
