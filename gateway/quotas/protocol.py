"""The lease protocol: what a holder and the store tell each other.

A **holder** is a worker, by a random name. The **store** keeps, for each limit, what is left and
who holds how much. A holder asks in a Renewal, an Ask for each limit, and gets an Answer, a Given
for each Ask. All numbers are whole: units, and microseconds; below 2**53, which Redis holds
exactly. All times are spans, never points: neither side trusts the other's clock.

**A lease** is a limit, a holder and an epoch, which the holder counts up whenever it begins a lease
anew. An Ask tells totals since the epoch began, so that a message lost, repeated or late counts
nothing twice. A Renewal has a running number; an Ask whose number is not above the lease's last is
answered with what is, and changes nothing.

**At the store** a lease is `out = granted - spent - returned` units, and ends TTL_US after the last
Ask, for a budget also with its window; a **light** lease LIGHT times as late, a **very light** one
VERY_LIGHT times. An Ask goes through these steps (`ledger.py` says them exactly, and is the
specification of every store):

1. Leases of this limit that have ended go, the earliest first: of a budget, `out` counts as used;
   of a rate, `out` is gone (it may have been spent) and its room refills from that moment; a slot
   of concurrency is free.
2. A budget whose window is over (by the store's calendar, which never goes back) has used nothing.
   Leases that live on, since the calendar was set, still count.
3. The lease is found. A higher epoch ends the one before as in 1. There is none, and the Ask knows
   of units (`granted > 0`): it is lost; nothing is granted, none begins. There is none, and it
   knows of none: it begins.
4. What was spent is booked, then what was returned. More spent than granted is debt: it counts as
   granted now, and the level of a rate may fall below zero by it.
   A rate refills, up to `burst` less all that is out: until `quiet_us` ago with what was out
   before, and from there until now with what is out after the booking.
5. It is light if what it `wants` or `needs`, times LIGHT, times the holders, times LIGHT_PART (of a
   budget LIGHT_PART_OF_BUDGET), is no more than is left with what this holder has; then it is
   granted as if it wanted LIGHT times as much. It is very light if the holder was granted units
   before, and VERY_LIGHT times are no more than a part of that that is VERY_LIGHT_STRICTER times
   as small. A lease that wants nothing is neither, and none is while somebody waits as long as he
   was told for what others hold; that of a concurrency is never very light.
   It is granted up to `wants`, or nothing if `needs` cannot be had: the first request that waits
   gets all or nothing. What is beyond `needs` never makes the holder have more than `keep`, and is
   at most a part of what is left, one of as many as there are holders; of a rate it may be all.

**At the holder** units of a lease are spent until `ttl_us` after the Renewal was *sent*, by its own
clock, less a hundredth for drift. Then what it holds is void, and the next Ask begins a new epoch.
Requests in flight keep their slots in the holder's own count.

**A dead holder's** leases may be ended by another, once it is dead and not before (`reaper.py`): by
an Ask in its name that wants nothing, of an epoch and a number that are LAST. What the dead one
said before comes too late from then on.

So units that may be spent are never more than `out` says, at any moment, whatever is lost.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from gateway.limits import Budget, Concurrency, Limit, Measure, Period
from gateway.rates import Rate

# A lease ends so long after it was renewed last.
TTL_US = 5_000_000
# A light lease, of little beside what is left, lasts so many times as long, and holds as much more:
# a hundred thousand callers who each send now and then must not have the store asked each time.
LIGHT = 12
# Who has had a lease before, and uses so little that it is still next to nothing, is asked about
# less often yet: each time costs as much as some requests.
VERY_LIGHT = 120
# All that light leases could hold is at most one part in so many of what is left; of a budget less,
# because what a killed worker holds of it is gone until the window ends.
LIGHT_PART = 4
LIGHT_PART_OF_BUDGET = 100
# Very light ones could hold so many times less, by the holders there are when each is given: 1 % of
# a rate, 0.04 % of a budget.
VERY_LIGHT_STRICTER = 25
# A holder that has no reason to ask earlier renews its leases, and returns what it has no use for.
HEARTBEAT_US = 1_000_000
# The same by how many times the usual a lease lasts: of a light one nobody waits to hear.
HEARTBEATS_US = {1: HEARTBEAT_US, LIGHT: 40_000_000, VERY_LIGHT: 400_000_000}
# Most limits in one Renewal: a store answers it in one go.
MAX_ASKS = 100
# Above all epochs and numbers that a holder counts up to.
LAST = 2**53 - 1


class Kind(StrEnum):
    """How a limit is counted; of each kind it has a state of its own."""

    RATE = "rate"
    CONCURRENCY = "concurrency"
    DAY = "day"
    MONTH = "month"


def kind_of(limit: Limit) -> Kind:
    """The state that the limit is counted in; another kind under the same id is another count."""
    measure = limit.measure
    if isinstance(measure, Rate):
        return Kind.RATE
    if isinstance(measure, Concurrency):
        return Kind.CONCURRENCY
    return Kind.DAY if measure.period is Period.DAY else Kind.MONTH


def numbers_of(measure: Measure) -> tuple[int, ...]:
    """With its kind, all of it; `measure_of` puts it together again."""
    if isinstance(measure, Rate):
        return measure.amount, measure.period_s, measure.burst
    return (measure.slots,) if isinstance(measure, Concurrency) else (measure.amount,)


def measure_of(kind: Kind, numbers: Sequence[int]) -> Measure:
    """Raises TypeError, ValueError or InvalidInput for what `numbers_of` did not say."""
    if kind is Kind.RATE:
        return Rate(*numbers)
    if kind is Kind.CONCURRENCY:
        return Concurrency(*numbers)
    (amount,) = numbers
    return Budget(amount, Period(kind))


def capacity_of(measure: Measure) -> int:
    """Most units that a request can ever get of it."""
    if isinstance(measure, Rate):
        return measure.burst
    return measure.slots if isinstance(measure, Concurrency) else measure.amount


def stretch_of(ttl_us: int) -> int:
    """How many times the usual a lease that lasts so long holds."""
    if ttl_us <= TTL_US:
        return 1
    return LIGHT if ttl_us <= LIGHT * TTL_US else VERY_LIGHT


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a holder has done with its lease of one limit, and what it would have."""

    # With the measure as the holder knows it: the store counts by the latest it was told.
    limit: Limit
    # From 1 up.
    epoch: int
    # Totals of this epoch; granted as the holder heard last.
    granted: int
    spent: int
    returned: int
    # Before it asked, nothing was spent for so long.
    quiet_us: int
    # Units it must hold for the first request that waits, those of requests in flight included; 0:
    # none waits.
    needs: int
    # Of these, what that request takes itself.
    needed: int
    # Units it would hold on a lease of TTL_US, those of requests in flight included; 0 with 0 held
    # ends the lease.
    wants: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """What a holder tells of limits of one tenant; each limit at most once."""

    tenant: str
    holder: str
    # Counted up with each Renewal of this holder, for whichever tenant.
    number: int
    # None at all: the holder would only know whether the store is there, and can be written to.
    asks: tuple[Ask, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """How a lease stands after an Ask."""

    epoch: int
    # The store knows no such lease: what the holder has is void, and it begins another epoch.
    is_lost: bool
    # Total of this epoch.
    granted: int
    # How long the lease lasts, from when the Renewal was sent; `stretch_of` tells whether it is
    # light.
    ttl_us: int
    # How many have a lease on this limit and a use for it, this holder included.
    holders: int
    # Most units the holder should hold; what is above it is returned with the next Ask.
    keep: int
    # Units that are left in the store; below zero is told as 0.
    left: int
    # 0: asking for more is worth it at any time. Else none is left, or not as many as were needed:
    # in so long they will be if nobody else takes them, and no asking is worth it before `ask_us`.
    # Of a budget, less than `window_us`: others hold units, and have spent them or return them.
    ready_us: int
    ask_us: int
    # Until the window of a budget ends; 0 for other kinds.
    window_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """To the Renewal of this number; its parts in the order of the Asks."""

    number: int
    given: tuple[Given, ...]


class Store(Protocol):
    """Keeps what is left of every limit. SQLite on one machine, Redis for several."""

    async def renew(self, renewals: Sequence[Renewal]) -> Sequence[Answer | None]:
        """An answer to each, in order; None to one that the store could not be asked now.

        Never raises for a store that is away, and takes no more than a bounded time. Renewals
        given at once are of different tenants or parts of a tenant, never twice the same limit.
        """
        ...

    async def close(self) -> None: ...
