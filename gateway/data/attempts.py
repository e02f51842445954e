"""Failed attempts to be let in: how many an address, and those who name one key, may make.

A request that is let in pays nothing here: failures are looked at only when memory alone does not
vouch for the token. What the limits protect are the records and the checking of signatures; to
guess 196 random bits is hopeless at any speed. So an address that failed too often is still looked
up for, only not often: behind it may be others, whose keys are good.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address

from gateway.errors import TooManyFailures
from gateway.networks import parse_address

# Beyond this many the one that failed longest ago is forgotten.
MAX_REMEMBERED = 10_000
# One customer gets at least a /64, all addresses of which are theirs.
_CUSTOMER_BITS = 64


@dataclass(frozen=True, slots=True)
class Allowance:
    """So many at once, and one more each `refill_s` seconds."""

    burst: int
    refill_s: float


PER_ADDRESS = Allowance(30, 2.0)
PER_KEY = Allowance(10, 10.0)
# Of readings and verifications, for an address that may fail no more.
LOOK_UPS = Allowance(20, 0.05)


class Spendings:
    """Token buckets, each kept as the moment at which it is full again."""

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance
        self._full_at_s: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at_s)

    def wait_s(self, who: str, now_s: float) -> float:
        """How long until another one is allowed; 0: now."""
        full_at_s = self._full_at_s.get(who)
        if full_at_s is None:
            return 0.0
        spent_s = (self._allowance.burst - 1) * self._allowance.refill_s
        return max(0.0, full_at_s - now_s - spent_s)

    def add(self, who: str, now_s: float) -> None:
        """Take one from the bucket."""
        full_at_s = max(self._full_at_s.pop(who, now_s), now_s)
        self._full_at_s[who] = full_at_s + self._allowance.refill_s
        if len(self._full_at_s) > MAX_REMEMBERED:
            self._full_at_s.popitem(last=False)


class Attempts:
    """Failures by address and by the key that was named."""

    def __init__(
        self, addresses: Allowance | None = PER_ADDRESS, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        """Without an allowance for addresses they are not limited: a proxy's stands for all."""
        self._now_s = now_s
        self._addresses = None if addresses is None else Spendings(addresses)
        self._look_ups = Spendings(LOOK_UPS)
        self._keys = Spendings(PER_KEY)

    def look_up(self, address: str, name: str = "") -> None:
        """Count a look-up for an address that may fail no more; raise TooManyFailures for too many.

        Who names a key that may fail no more is refused from wherever.
        """
        who, now_s = origin(address), self._now_s()
        wait_s = self._keys.wait_s(name, now_s)
        if self._addresses is not None and self._addresses.wait_s(who, now_s) > 0:
            wait_s = max(wait_s, self._look_ups.wait_s(who, now_s))
            if not wait_s:
                self._look_ups.add(who, now_s)
        if wait_s > 0:
            raise _too_many(math.ceil(wait_s))

    def check(self, address: str, name: str = "") -> None:
        """Raise TooManyFailures if this address, or who names this key, may not fail just now."""
        who, now_s = origin(address), self._now_s()
        wait_s = 0.0 if self._addresses is None else self._addresses.wait_s(who, now_s)
        wait_s = max(wait_s, self._keys.wait_s(name, now_s))
        if wait_s > 0:
            raise _too_many(math.ceil(wait_s))

    def fail(self, address: str, name: str = "") -> None:
        """Count a failure; raise TooManyFailures if it is one too many, which counts as none.

        The name is that of the key that the token claims to be, or empty.
        """
        self.check(address, name)
        who, now_s = origin(address), self._now_s()
        if who and self._addresses is not None:
            self._addresses.add(who, now_s)
        if name:
            self._keys.add(name, now_s)


@lru_cache(maxsize=8192)
def origin(address: str) -> str:
    """Who is behind an address: of IPv6 the /64 stands for it; empty for a Unix socket."""
    found = parse_address(address)
    if isinstance(found, IPv6Address):
        return str(IPv6Address(int(found) >> _CUSTOMER_BITS << _CUSTOMER_BITS))
    return "" if found is None else str(found)


def _too_many(seconds: int) -> TooManyFailures:
    return TooManyFailures(
        f"Too many attempts with keys or tokens that are not valid; try again in {seconds} s.",
        retry_after_s=seconds,
    )
