"""What a store does with an Ask: the specification of every store (protocol.py tells the rules).

Nothing is read or written here: a store loads an account, lets it renew, and saves it.
"""

from abc import ABCMeta, abstractmethod
from collections.abc import Iterator
from typing import ClassVar, Generic, NamedTuple, TypeVar

import msgspec

from gateway.quotas.protocol import (
    HEARTBEAT_US,
    LIGHT,
    LIGHT_PART,
    TTL_US,
    VERY_LIGHT,
    VERY_LIGHT_STRICTER,
    Ask,
    Given,
)

M = TypeVar("M")


class Now(NamedTuple):
    """The store's clocks: one that only goes on, for leases; and the calendar's."""

    us: int
    wall_us: int


class Lease(msgspec.Struct):
    """Units that have left the account for a holder."""

    epoch: int
    number: int = 0
    granted: int = 0
    spent: int = 0
    returned: int = 0
    wants: int = 0
    ends_us: int = 0

    @property
    def out(self) -> int:
        """Most units that the holder may still spend."""
        return self.granted - self.spent - self.returned


class Wait(NamedTuple):
    """How long until there is enough, and until asking is worth it."""

    ready_us: int
    ask_us: int


NO_WAIT = Wait(0, 0)


class _AbstractStruct(msgspec.StructMeta, ABCMeta):
    """Of a struct that says what its kinds must say."""


class Account(msgspec.Struct, Generic[M], metaclass=_AbstractStruct, tag_field="kind"):
    """State of one limit; a kind says what it counts by (M is its measure)."""

    # Of what is left, all light leases together may hold one part in so many.
    light_part: ClassVar[int] = LIGHT_PART
    # How many times the usual the longest leases last.
    longest: ClassVar[int] = VERY_LIGHT

    leases: dict[str, Lease] = {}
    # Until then no lease is light: somebody was told to wait so long for what others hold, and they
    # are to return it when they are heard of next.
    light_from_us: int = 0
    # Of a budget, in Unix time. A window that has begun lasts until its end: the calendar may be
    # set back.
    window_ends_us: int = 0

    # What the kinds say.

    def begin(self, measure: M, now: Now) -> None:
        """Begin with everything left."""

    @abstractmethod
    def restart(self, now: Now) -> None:
        """All leases are over: their holders ended, and the clock of leases began anew."""

    def look(self, measure: M, now: Now) -> None:
        """Bring the account to this moment; comes before every Ask."""

    def end(self, measure: M, lease: Lease, at_us: int) -> None:
        """This lease, still among the leases, is over at this moment."""

    @abstractmethod
    def book(self, measure: M, lease: Lease, ask: Ask, now: Now) -> None:
        """Book the totals of the Ask."""

    @abstractmethod
    def spare(self, measure: M) -> int:
        """Units that are left."""

    def part(self, units: int, holders: int) -> int:
        """Of these units, what one of so many holders may have beyond its need."""
        return units // holders

    def take(self, units: int) -> None:
        """So many units were granted."""

    @abstractmethod
    def keep(self, measure: M, holders: int, now: Now) -> int:
        """Most units that a holder should hold."""

    @abstractmethod
    def wait(self, measure: M, lease: Lease, ask: Ask, short: int, now: Now) -> Wait:
        """So many units are short, and for how long."""

    def idle_from_us(self, now: Now) -> int:
        """From when on a new account would say the same, apart from the window of a budget."""
        return max((lease.ends_us for lease in self.leases.values()), default=now.us)

    def window_us(self, now: Now) -> int:
        """Until the window ends; 0: there is none."""
        return self.window_ends_us and self.window_ends_us - now.wall_us

    # The steps of an Ask.

    def out(self) -> int:
        """Units on all leases."""
        return sum(lease.out for lease in self.leases.values())

    def renew(self, measure: M, holder: str, number: int, ask: Ask, now: Now) -> Given:
        """Answer an Ask of this holder, in the Renewal of this number."""
        self._end_leases(measure, now)
        self.look(measure, now)
        lease = self._find(measure, holder, ask, now)
        if lease is None:
            return self._lost(measure, ask, now)
        if number <= lease.number:
            return self._given(measure, lease, now, NO_WAIT, is_lost=lease.epoch != ask.epoch)
        lease.number = number
        self._remember(lease, ask)
        self.book(measure, lease, ask, now)
        lease.wants = ask.wants
        stretch = self._stretch(measure, lease, ask, now)
        lease.ends_us = now.us + self._ttl_us(now, stretch)
        short = self._grant(measure, lease, ask, now, stretch)
        wait = self.wait(measure, lease, ask, short, now) if short > 0 else NO_WAIT
        if wait.ready_us and any(self.others(lease)):
            longest_us = TTL_US * self.longest
            self.light_from_us = max(self.light_from_us, now.us + min(wait.ready_us, longest_us))
        return self._given(measure, lease, now, wait, is_lost=False)

    def _end_leases(self, measure: M, now: Now) -> None:
        over = [item for item in self.leases.items() if item[1].ends_us <= now.us]
        for holder, lease in sorted(over, key=lambda item: item[1].ends_us):
            self.end(measure, lease, lease.ends_us)
            del self.leases[holder]

    def _find(self, measure: M, holder: str, ask: Ask, now: Now) -> Lease | None:
        """The lease that the Ask is about, or one that is newer; None: it is lost."""
        lease = self.leases.get(holder)
        if lease is not None and ask.epoch <= lease.epoch:
            return lease
        if lease is not None:
            self.end(measure, lease, now.us)
            del self.leases[holder]
        if ask.granted > 0:
            return None
        lease = self.leases[holder] = Lease(ask.epoch)
        return lease

    def _remember(self, lease: Lease, ask: Ask) -> None:
        """What the holder was told counts, where a store has lost its last writes (Redis may)."""
        forgotten = max(ask.granted - lease.granted, 0)
        lease.granted += forgotten
        self.take(forgotten)

    def _stretch(self, measure: M, lease: Lease, ask: Ask, now: Now) -> int:
        """How many times the usual the lease lasts, and holds."""
        wanted = max(ask.wants, ask.needs) * self.light_part * max(self._holders(), 1)
        left = self.spare(measure) + lease.out
        if now.us < self.light_from_us or not 0 < wanted * LIGHT <= left:
            return 1
        is_very_light = ask.granted and wanted * VERY_LIGHT * VERY_LIGHT_STRICTER <= left
        return min(VERY_LIGHT if is_very_light else LIGHT, self.longest)

    def _grant(self, measure: M, lease: Lease, ask: Ask, now: Now, stretch: int) -> int:
        """Move units to the lease; returns how many are short of what is needed, or of one."""
        spare = max(self.spare(measure), 0)
        needed = max(ask.needs - lease.out, 0)
        if needed > spare:
            return needed - self.spare(measure)
        holders = max(self._holders(), 1)
        extra = min(ask.wants * stretch, self.keep(measure, holders, now)) - lease.out - needed
        units = needed + max(0, min(extra, self.part(spare - needed, holders)))
        lease.granted += units
        self.take(units)
        return 1 - self.spare(measure) if ask.wants > 0 else 0

    def _holders(self) -> int:
        return sum(1 for lease in self.leases.values() if lease.out > 0 or lease.wants > 0)

    def _ttl_us(self, now: Now, stretch: int) -> int:
        window_us = self.window_us(now)
        return min(TTL_US * stretch, window_us) if window_us else TTL_US * stretch

    def _lost(self, measure: M, ask: Ask, now: Now) -> Given:
        unknown = Lease(ask.epoch)
        return self._given(measure, unknown, now, NO_WAIT, is_lost=True)

    def _given(self, measure: M, lease: Lease, now: Now, wait: Wait, *, is_lost: bool) -> Given:
        holders = max(self._holders(), 1)
        return Given(
            epoch=lease.epoch,
            is_lost=is_lost,
            granted=lease.granted,
            ttl_us=max(lease.ends_us - now.us, 0),
            holders=holders,
            keep=self.keep(measure, holders, now),
            left=max(self.spare(measure), 0),
            ready_us=wait.ready_us,
            ask_us=wait.ask_us,
            window_us=self.window_us(now),
        )

    def told_us(self, lease: Lease, now: Now) -> int:
        """By then all other holders that have units have renewed, or their leases have ended."""
        left_us = max((other.ends_us - now.us for other in self.others(lease)), default=0)
        return left_us if left_us > TTL_US else HEARTBEAT_US

    def others(self, lease: Lease) -> Iterator[Lease]:
        """Leases of other holders that have units."""
        return (other for other in self.leases.values() if other is not lease and other.out > 0)
