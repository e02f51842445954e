"""A holder's lease of one limit: what may be spent of it, and what the store was told."""

from gateway.limits import Limit, Metric
from gateway.quotas.protocol import (
    HEARTBEAT_US,
    HEARTBEATS_US,
    TTL_US,
    Ask,
    Given,
    Kind,
    capacity_of,
    kind_of,
    stretch_of,
)
from gateway.quotas.purse import Purse

# Requests, samples, bytes, compute_ms: what a request takes of each metric, in this order.
Costs = tuple[int, int, int, int]
METRICS = tuple(Metric)

US = 1000
# What a lease is used for within so long is what its holder would hold.
HORIZON_NS = 2 * HEARTBEAT_US * US
# By how many times the usual a lease lasts.
HEARTBEATS_NS = {stretch: heartbeat_us * US for stretch, heartbeat_us in HEARTBEATS_US.items()}
# Use is not extrapolated from less.
_SHORTEST_NS = 250_000_000
# Nothing used in so long: it is returned.
_IDLE_NS = HEARTBEAT_US * US * 9 // 10
# Of how far two clocks may be apart in what they call a second; real ones are a hundred times
# better.
_DRIFT_PERCENT = 1
# An Ask that brought nothing is not made again at once, unless for less: nothing has changed. No
# longer than a refused slot is to be asked for again: a request would wait, and nobody ask.
_AGAIN_NS = 25_000_000
# Slots that were not there several times, one after the other: each time twice as long, up to a
# tenth of a second.
_MOST_MISSES = 3
# What a killed worker held of a budget is gone until the window ends: for requests to come, all
# holders together have at most one part in so many of what is left.
_PART = 32
# Requests that take no longer than it takes to have their slot told, and asked for.
_SHORT_NS = 25_000_000
# No `free` is below it.
_NEVER = -(2**62)


def less_drift(span: int) -> int:
    """A span that has passed by this clock before the whole has passed by another."""
    return span * (100 - _DRIFT_PERCENT) // 100


# By this clock, no more than the shortest lease that the store begins with an Ask.
_ORDINARY_NS = less_drift(TTL_US * US)


class Holding(Purse):
    """The units of one limit that this holder may spend until its lease ends."""

    __slots__ = (
        "__weakref__",
        "again_ns",
        "ask_ns",
        "asked_limit",
        "asked_ns",
        "begun_ns",
        "capacity",
        "demand",
        "ends_ns",
        "epoch",
        "granted",
        "holders",
        "is_asked",
        "is_awaited",
        "is_brief",
        "is_kept",
        "is_open",
        "keep",
        "kind",
        "left",
        "lent_ns",
        "limit",
        "misses",
        "needed",
        "peak",
        "ready_ns",
        "reserved",
        "returned",
        "stretch",
        "told_returned",
        "told_spent",
        "wanted",
    )

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self.kind = kind_of(limit)
        self.metric = METRICS.index(limit.metric)
        self.capacity = capacity_of(limit.measure)
        # Reserved until the request is settled; of the others it is known what a request takes.
        self.is_kept = self.kind is Kind.CONCURRENCY or limit.metric is not Metric.REQUESTS
        # 0: it has no lease.
        self.epoch = 0
        self.begun_ns = 0
        # granted = spent + returned + reserved + free. Below zero: debt.
        self.free = 0
        self.reserved = 0
        self.granted = 0
        self.returned = 0
        self.ends_ns = 0
        # As `ends_ns`; 0 while requests wait, so that no other overtakes them.
        self.open_until_ns = 0
        self.is_awaited = False
        # What those who wait would take in all.
        self.wanted = 0
        # Below it the store is asked ahead of need.
        self.low_water = _NEVER
        self.spent_ns = 0
        self.told_spent = 0
        self.told_returned = 0
        # Since it was asked for last: units taken, and most reserved at once.
        self.used = 0
        self.peak = 0
        self.demand = 0
        # An Ask is under way, since then.
        self.is_asked = False
        self.asked_ns = 0
        # As the store was told last; None: whatever it answers to that is void.
        self.asked_limit: Limit | None = limit
        # What the request that waits first needs, as the store was told last; and no sooner than
        # that is it asked again, if it gave nothing.
        self.needed = 0
        self.again_ns = 0
        # How often it gave nothing, one after the other.
        self.misses = 0
        # As the store said last.
        self.ask_ns = 0
        self.ready_ns = 0
        # Whether a budget is used up is known only when other holders have told what they spent.
        self.is_open = False
        self.left = 0
        self.keep = self.capacity
        # Of a light lease more than 1: it holds so many times what it wants.
        self.stretch = 1
        # 0: it never said.
        self.holders = 0
        # Of slots: the request that ended last was short.
        self.is_brief = False
        # The store is away, and since then a share of the limit comes in here; 0: it does not.
        self.lent_ns = 0

    @property
    def spent(self) -> int:
        """Total of this epoch, as the store is told it."""
        return self.granted - self.returned - self.reserved - self.free

    def forget_share(self) -> None:
        """The store is away: nobody would get slots that go back."""
        if self.kind is Kind.CONCURRENCY:
            self.keep = self.capacity

    def change(self, limit: Limit) -> None:
        """The limit's measure is another."""
        self.limit = limit
        self.capacity = capacity_of(limit.measure)
        self._void()

    def _void(self) -> None:
        """What the store said last, it said by another measure: that is true no more, and what it
        granted by a larger one is not to be spent."""
        self.keep = self.capacity
        # Nothing left: the first Ask by the new measure is for what is needed.
        self.ask_ns = self.ready_ns = self.again_ns = self.left = 0
        self.is_open = False
        before = self.asked_limit
        if before is None or self.capacity <= capacity_of(before.measure):
            self._give_back(self.free)

    def recall(self) -> None:
        """Have the next Ask return what is not in use, what is on its way included, and want
        nothing."""
        self._give_back(self.free)
        self.asked_limit = None
        self.demand = self.used = 0
        self.peak = self.reserved

    def is_short(self, cost: int, now_ns: int) -> bool:
        """Whether so many units cannot be spent now."""
        return cost > 0 and (cost > self.free or self.ends_ns <= now_ns)

    def hold_up(self) -> None:
        """A request waits for units of it: others may not take them from under its nose."""
        self.is_awaited = True
        self.open_until_ns = 0

    def let_pass(self) -> None:
        """Nobody waits for it."""
        self.is_awaited = False
        self.open_until_ns = self.ends_ns

    def take(self, cost: int, now_ns: int) -> None:
        """Spend or reserve what is there."""
        self.free -= cost
        self.used += cost
        self.spent_ns = now_ns
        if self.is_kept:
            self.reserve(cost)

    def reserve(self, cost: int) -> None:
        """What was taken comes back, or becomes spent, when its request is settled."""
        self.reserved += cost
        if self.reserved > self.peak:
            self.peak = self.reserved

    def settle(self, cost: int, used: int, reserved_ns: int, now_ns: int) -> bool:
        """Of what was reserved at that time so much was used; whether others wait to hear of it."""
        if self.kind is Kind.CONCURRENCY:
            self.reserved -= cost
            self.free += cost
            self.is_brief = now_ns - reserved_ns <= _SHORT_NS
            self.spent_ns = now_ns
            # Of a lease that is over nothing is free: this slot is in nobody's count.
            if self.free > 0 and self.reserved + self.free > self._share():
                # Taken from under the next request: others wait for it elsewhere.
                self._give_back(min(cost, self.free))
                return True
        elif reserved_ns >= self.begun_ns:
            self.reserved -= cost
            self.free += cost - used
            self.used += used - cost
            self.spent_ns = now_ns
            return self._give_back_excess()
        elif used > cost:
            # The lease that it was reserved from is over, and all of it counts as spent.
            self.free -= used - cost
        return False

    @property
    def is_scarce(self) -> bool:
        """Of slots: whether others may soon find none, as the store said last."""
        return self.stretch == 1 and self.holders > 0 and 2 * self.left <= self.capacity

    @property
    def may_go(self) -> bool:
        """Whether slots are free here, and scarce."""
        return self.kind is Kind.CONCURRENCY and self.free > 0 and self.is_scarce

    def let_go(self) -> None:
        """Nobody has used its free slots for a while: others may have them."""
        self._give_back(self.free)
        self.peak = self.reserved

    def _give_back(self, units: int) -> None:
        """The store is to be told of them with the next Ask; none if below zero."""
        if units > 0:
            self.free -= units
            self.returned += units

    def _give_back_excess(self) -> bool:
        """What is above all that the limit ever allows, since it was lowered; whether any was."""
        excess = min(self.free, self.reserved + self.free - self.capacity)
        self._give_back(excess)
        return excess > 0

    def _share(self) -> int:
        """Slots that it may have; what is more goes back when it is not in use.

        While others have none, a slot of requests that are not short is theirs at once.
        """
        is_wanted_elsewhere = self.keep < self.capacity and self.stretch == 1
        return 0 if is_wanted_elsewhere and not self.is_brief else self.keep

    def end(self, now_ns: int) -> None:
        """Whatever it has is void; debt stays, and so do the slots of requests in flight."""
        if self.kind is Kind.CONCURRENCY:
            self.free = -self.reserved
        else:
            self.free, self.reserved = min(self.free, 0), 0
        self.granted = self.returned = self.told_spent = self.told_returned = 0
        self.epoch = self.ends_ns = self.open_until_ns = self.lent_ns = 0
        self.low_water, self.stretch = _NEVER, 1
        self.begun_ns = now_ns

    def ask(self, needed: int, now_ns: int) -> Ask:
        """What to ask the store for; the first request that waits needs so many units."""
        wants = self._wants(needed, now_ns)
        surplus = self.reserved + self.free - wants * self.stretch
        self._give_back(min(surplus, self.free))
        if self.ends_ns:
            # A light lease may be an ordinary one from now on, and the answer be lost.
            self.ends_ns = min(self.ends_ns, now_ns + _ORDINARY_NS)
            self.open_until_ns = min(self.open_until_ns, self.ends_ns)
        self.asked_ns, self.asked_limit, self.needed = now_ns, self.limit, needed
        self.used, self.peak, self.low_water = 0, self.reserved, _NEVER
        self.told_spent, self.told_returned = self.spent, self.returned
        return Ask(
            limit=self.limit,
            epoch=self.epoch,
            granted=self.granted,
            spent=self.told_spent,
            returned=self.returned,
            quiet_us=less_drift(now_ns - self.spent_ns) // US,
            needs=self.reserved + needed if needed else 0,
            needed=needed,
            wants=wants,
        )

    def hear(self, given: Given, sent_ns: int, now_ns: int) -> None:
        """What the store answered to an Ask of this epoch."""
        gained = given.granted - self.granted
        self.granted += gained
        self.free += gained
        self.ends_ns = sent_ns + less_drift(given.ttl_us * US)
        if not self.is_awaited:
            self.open_until_ns = self.ends_ns
        self.stretch = stretch_of(given.ttl_us)
        self.holders, self.keep, self.left = given.holders, given.keep, given.left
        self.ask_ns = now_ns + given.ask_us * US if given.ask_us else 0
        self._note_gain(gained, now_ns)
        self.ready_ns = now_ns + given.ready_us * US
        self.is_open = 0 < given.ready_us < given.window_us
        self.low_water = self._low_water()
        if self.kind is Kind.CONCURRENCY:
            # Others have none, as it hears only now: theirs is what nobody here waits for.
            above = self.reserved + self.free - self._share()
            self._give_back(min(above, self.free - self.wanted))
        if self.asked_limit != self.limit:
            self._void()
        self._give_back_excess()

    def _note_gain(self, gained: int, now_ns: int) -> None:
        """When to ask again for what was needed and is not there."""
        self.misses = min(self.misses + 1, _MOST_MISSES) if self.needed and not gained else 0
        self.again_ns = now_ns + _AGAIN_NS if self.misses else 0
        if self.misses > 1 and self.kind is Kind.CONCURRENCY:
            # It was asked for while requests waited, in vain: all are in use, more likely.
            self.again_ns = now_ns + (_AGAIN_NS << (self.misses - 1))
            # Till then a request is told so, and does not wait with nobody asking.
            self.ask_ns = max(self.ask_ns, self.again_ns)

    @property
    def heartbeat_ns(self) -> int:
        """It is renewed so long after it was last, if nothing else comes first."""
        return HEARTBEATS_NS[self.stretch]

    @property
    def has_more_to_tell(self) -> bool:
        """Whether units were returned, or the limit changed, while the store was being asked."""
        return self.returned != self.told_returned or self.asked_limit != self.limit

    @property
    def is_idle(self) -> bool:
        """Whether nothing is held and nobody asks for it, and the store knows: the lease may go."""
        is_told = self.spent == self.told_spent and not self.has_more_to_tell
        return is_told and not (self.free or self.reserved or self.is_awaited or self.used)

    def _wants(self, needed: int, now_ns: int) -> int:
        """Units to hold, those of requests in flight included: as many as are used of late."""
        in_use = self.reserved + self.wanted
        if self.kind is Kind.CONCURRENCY:
            used = max(self.peak, in_use)
            wants = min(used if self.is_scarce else used * 3 // 2, self._share())
        else:
            self._note_demand(now_ns - self.asked_ns)
            wants = min(in_use + self._ahead(), self.keep)
        return max(wants, self.reserved + needed)

    def _ahead(self) -> int:
        """Units to hold for requests to come: of a budget, little of what is left."""
        if self.kind is Kind.RATE:
            return self.demand
        return min(self.demand, self.left // (_PART * max(self.holders, 1)))

    def _note_demand(self, elapsed_ns: int) -> None:
        """Demand of the time to come; it falls no faster than by half in a heartbeat."""
        # Rounded up: who sends now and then goes on doing so.
        lately = -(-self.used * HORIZON_NS // max(elapsed_ns, _SHORTEST_NS))
        fallen = self.demand - self.demand * elapsed_ns // HORIZON_NS
        is_idle = self.used <= 0 and elapsed_ns >= _IDLE_NS
        self.demand = 0 if is_idle else max(lately, fallen, 0)

    def _low_water(self) -> int:
        if self.kind is Kind.CONCURRENCY or self.ask_ns:
            # Slots come back by themselves; and of what is used up there is no more to ask for.
            return _NEVER
        return min(self._ahead() * self.stretch, self.keep) // 4
