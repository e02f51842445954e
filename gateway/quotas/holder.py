"""The holder's side of the protocol: admits requests from what it holds, and asks for more.

It does no I/O and reads one clock that it is given; `renewing.py` carries its Renewals.
"""

from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator
from typing import cast

from gateway.limits import Metric
from gateway.quotas.allowances import Allowances
from gateway.quotas.decisions import (
    Allowance,
    Decided,
    Reason,
    Refusal,
    Reservation,
    Waiting,
)
from gateway.quotas.due import Due
from gateway.quotas.held_file import Held
from gateway.quotas.holding import HEARTBEATS_NS, METRICS, Costs, Holding
from gateway.quotas.idle_slots import IdleSlots
from gateway.quotas.outage import Mode, Outage
from gateway.quotas.policies import Policies
from gateway.quotas.protocol import MAX_ASKS, Answer, Ask, Kind, Renewal
from gateway.quotas.purse import Purse
from gateway.quotas.refusals import late, may_pass, strictest, why_short
from gateway.quotas.waiting_lines import WaitingLines

# A request waits for the store's answer at most so long, and so many do. Within it other holders
# have told what they spent.
WAIT_NS = 1_500_000_000
MAX_WAITING = 1000
# A request waits so long for a slot where none is free: one that is idle at another holder comes
# back with that one's next beat.
SLOT_WAIT_NS = 400_000_000
# Asked for at once: the store answers so many well before it counts as slow.
MOST_ASKS = 250
_COMPUTE_MS = METRICS.index(Metric.COMPUTE_MS)


class Holder:
    """All leases of one worker."""

    def __init__(
        self,
        held: Held,
        now_ns: Callable[[], int],
        policies: Policies,
        on_due: Callable[[], None],
        *,
        is_alone: bool = False,
    ) -> None:
        """`on_due` is called when `renewals` has something that should not wait.

        `is_alone`: the store has no other holders.
        """
        self.allowances = Allowances()
        # How many requests were admitted from what was held; and what became of the others.
        self.admitted_at_once = 0
        self.decided: Counter[str] = Counter()
        self.outage = Outage(policies)
        self._held = held
        self._now_ns = now_ns
        self._on_due = on_due
        # Of the last Renewal; and of the last epoch of any lease.
        self._number = self._epoch = 0
        # Those with a lease.
        self._active: dict[Holding, None] = {}
        self._due = Due()
        # By number: when it was sent, and what about.
        self._sent: dict[int, tuple[int, list[Holding]]] = {}
        # When to renew which, if nothing else comes first; by how often.
        self._beats: dict[int, deque[tuple[int, Holding]]] = {
            every_ns: deque() for every_ns in HEARTBEATS_NS.values()
        }
        self._lines = WaitingLines(self._try, self.decided)
        self._idle = IdleSlots(is_alone=is_alone)

    def __len__(self) -> int:
        """How many leases it has."""
        return len(self._active)

    def budgets(self) -> Iterator[Holding]:
        """The leases of budgets of which the store has told what is left in this window."""
        now_ns = self._now_ns()
        budgets = (one for one in self._active if one.kind in (Kind.DAY, Kind.MONTH))
        # A lease ends with its window.
        return (one for one in budgets if one.epoch and one.holders and one.ends_ns > now_ns)

    # For requests.

    def admit(
        self,
        allowance: Allowance,
        costs: Costs,
        on_decided: Decided,
        slot_wait_ns: int = SLOT_WAIT_NS,
    ) -> Reservation | Refusal | Waiting:
        """Take the costs from every limit, or nothing from any.

        A request that must wait for the store's answer, or so long at most for a slot of another
        holder, is decided later, by `on_decided`.
        """
        now_ns = self._now_ns()
        # As what they are to compiled code: each look at a Holding would go by its name.
        purses: tuple[Purse, ...] = allowance.holdings
        for purse in purses:
            if costs[purse.metric] > purse.free or purse.open_until_ns <= now_ns:
                return self._admit_or_wait(allowance, costs, on_decided, slot_wait_ns, now_ns)
        for purse in purses:
            cost = costs[purse.metric]
            purse.free -= cost
            purse.used += cost
            purse.spent_ns = now_ns
            if purse.free < purse.low_water:
                self._ask_ahead(cast(Holding, purse))
        for holding in allowance.kept:
            holding.reserve(costs[holding.metric])
        self.admitted_at_once += 1
        return Reservation(allowance, costs, now_ns)

    def foresee(self, allowance: Allowance, costs: Costs) -> Refusal | None:
        """The refusal that is certain; None: it may be admitted. Nothing is taken or asked."""
        now_ns, mode = self._now_ns(), self.outage.mode
        short = [h for h in allowance.holdings if h.is_short(costs[h.metric], now_ns)]
        known = [(h, why_short(h, costs[h.metric], mode, now_ns)) for h in short]
        may_hope = self._lines.may_hope(allowance)
        refusals = [one for h, one in known if one and not (may_hope and may_pass(h, one, mode))]
        return strictest(refusals) if refusals else None

    def settle(self, reservation: Reservation, used: Costs) -> None:
        """The request is over and has used so much; said again, nothing happens."""
        allowance = reservation.allowance
        if allowance is None:
            return
        reservation.allowance = None
        if not allowance.kept:
            return
        now_ns = self._now_ns()
        for holding in allowance.kept:
            metric = holding.metric
            if holding.settle(reservation.costs[metric], used[metric], reservation.at_ns, now_ns):
                self._ask(holding)
            else:
                self._idle.note(holding)
            if holding.is_awaited:
                self._lines.serve(holding.limit.tenant, now_ns)

    def leave(self, waiting: Waiting) -> None:
        """The client of a request that waits has left."""
        waiting.is_over = True

    # For the store.

    def renewals(self) -> list[Renewal]:
        """What to send now; each is to be followed by `heard` or `failed`."""
        now_ns = self._now_ns()
        if self.outage.mode is not Mode.EXACT:
            return self._probe(now_ns)
        due = self._due.take(MOST_ASKS)
        needed = self._needed(due, now_ns)
        by_tenant: dict[str, list[Holding]] = {}
        for holding in due:
            by_tenant.setdefault(holding.limit.tenant, []).append(holding)
        return [
            self._renewal(tenant, holdings[start : start + MAX_ASKS], needed, now_ns)
            for tenant, holdings in by_tenant.items()
            for start in range(0, len(holdings), MAX_ASKS)
        ]

    def heard(self, answer: Answer) -> None:
        """The store's answer; one that comes after `failed` says nothing."""
        now_ns = self._now_ns()
        sent = self._sent.pop(answer.number, None)
        if sent is None:
            return
        sent_ns, holdings = sent
        if self.outage.mode is not Mode.EXACT:
            self.outage.store_answered(now_ns)
            self._due.add_all(self._active)
            self._lines.serve_all(now_ns)
        for holding, given in zip(holdings, answer.given, strict=True):
            holding.is_asked = False
            if given.epoch != holding.epoch:
                continue
            if given.is_lost:
                holding.end(now_ns)
                self._ask(holding)
                continue
            holding.hear(given, sent_ns, now_ns)
            self._idle.note(holding)
            self.outage.holders = given.holders
            self._keep_or_drop(holding, now_ns)
            if holding.has_more_to_tell:
                self._ask(holding)
        if holdings:
            self._lines.serve(holdings[0].limit.tenant, now_ns)

    def failed(self, renewal: Renewal) -> None:
        """The store did not answer in time."""
        now_ns = self._now_ns()
        _, holdings = self._sent.pop(renewal.number)
        for holding in holdings:
            holding.is_asked = False
            self._due.add(holding)
        before = self.outage.mode
        self.outage.store_failed(now_ns)
        # Many fail together, and for those who wait only the mode says more than a beat would.
        if self.outage.mode is not before:
            for holding in self._active:
                holding.forget_share()
            self._lines.serve_all(now_ns)

    @property
    def is_due(self) -> bool:
        """Whether `renewals` has something that should not wait for the next beat."""
        return self._due.is_urgent and self.outage.mode is Mode.EXACT

    def beat(self) -> bool:
        """To be called some times a second; returns whether `renewals` is to be sent."""
        now_ns = self._now_ns()
        for every_ns, beats in self._beats.items():
            while beats and beats[0][0] <= now_ns:
                due_ns, holding = beats.popleft()
                # Otherwise it was asked for since, and has another turn.
                if holding.epoch and holding.asked_ns <= due_ns - every_ns:
                    self._due.add_later(holding)
        # While the store is away, nobody would get them.
        if self.outage.mode is Mode.EXACT:
            for holding in self._idle.let_go(now_ns):
                self._ask(holding)
        self._due.beat()
        self._lines.serve_all(now_ns)
        return bool(self._due) or self.outage.mode is not Mode.EXACT

    @property
    def is_hopeful(self) -> bool:
        """Whether requests wait for slots that may come free: then `look_again` is to be called,
        more often than `beat`."""
        return self._lines.hopes > 0

    def look_again(self) -> None:
        """Ask for the slots that requests wait for."""
        self._lines.serve_hopeful(self._now_ns())

    def recall(self, keys: Collection[str], tenants: Collection[str]) -> None:
        """Return what is held of limits of these: they may have changed, and others count by what
        they are now. What is asked for again is asked by the next request."""
        # While the store is away nobody would get it, and nobody give more.
        if self.outage.mode is not Mode.EXACT:
            return
        for holding in self._active:
            limit = holding.limit
            if limit.tenant in tenants or limit.principal in keys:
                holding.recall()
                self._ask(holding)

    def close(self) -> None:
        """Have `renewals` return all that is held; nothing is to be admitted from here on."""
        for holding in self._active:
            holding.demand = holding.used = holding.peak = 0
        self._due.add_all(self._active)

    # Requests that do not fit what is held.

    def _admit_or_wait(
        self,
        allowance: Allowance,
        costs: Costs,
        on_decided: Decided,
        slot_wait_ns: int,
        now_ns: int,
    ) -> Reservation | Refusal | Waiting:
        line = self._lines.of(allowance)
        costs = _bounded(allowance, costs)
        waiting = Waiting(
            allowance,
            costs,
            on_decided,
            until_ns=now_ns + WAIT_NS,
            slot_until_ns=now_ns + slot_wait_ns if self._lines.may_hope(allowance) else now_ns,
        )
        outcome = self._try(waiting, line.blocked, now_ns)
        if outcome is None and len(line) >= MAX_WAITING:
            outcome = Refusal(Reason.CROWDED, allowance.holdings[0].limit, retry_after_s=1)
        if outcome is not None:
            self.decided[outcome.told_as] += 1
            return outcome
        line.join(waiting, now_ns)
        return waiting

    def _try(
        self, waiting: Waiting, blocked: Collection[Holding], now_ns: int
    ) -> Reservation | Refusal | None:
        """Admit the request or refuse it; None: it waits, for the store or those before it."""
        refusals: list[Refusal] = []
        # Short of units that the store may have; of a slot that may come free; and held up by those
        # who wait before it.
        is_unknown = is_hopeful = is_behind = False
        for holding, cost in waiting.takes():
            if holding.is_short(cost, now_ns) and self.outage.mode is not Mode.EXACT:
                self._lend(holding, now_ns)
            if holding.is_short(cost, now_ns):
                refusal = why_short(holding, cost, self.outage.mode, now_ns)
                if refusal is None:
                    is_unknown = True
                    self._ask_for(holding, cost, now_ns)
                elif now_ns < waiting.slot_until_ns and may_pass(
                    holding, refusal, self.outage.mode
                ):
                    is_hopeful = True
                else:
                    refusals.append(refusal)
            elif holding in blocked:
                is_behind = True
        # Not before all is known: it may have to wait for another limit longer.
        worst = strictest(refusals) if refusals else None
        if worst is not None and (not is_unknown or worst.reason is not Reason.USED_UP):
            return worst
        if worst is None and not (is_unknown or is_hopeful or is_behind):
            return self._take(waiting, now_ns)
        return late(waiting, now_ns) if now_ns >= waiting.until_ns else None

    def _lend(self, holding: Holding, now_ns: int) -> None:
        self.outage.lend(holding, now_ns)
        # To be asked for when the store is back.
        self._due.add(holding)

    def _take(self, waiting: Waiting, now_ns: int) -> Reservation:
        for holding, cost in waiting.takes():
            holding.take(cost, now_ns)
            if _should_tell(holding):
                self._ask(holding)
            elif holding.free < holding.low_water:
                self._ask_ahead(holding)
        return Reservation(waiting.allowance, waiting.costs, now_ns)

    # Asking the store.

    def _ask(self, holding: Holding) -> None:
        if holding.is_asked:
            return
        if self._due.add(holding) and self.outage.mode is Mode.EXACT:
            self._on_due()

    def _ask_ahead(self, holding: Holding) -> None:
        """Little is left; of a light lease it lasts for seconds, or minutes."""
        if holding.stretch == 1:
            self._ask(holding)
        elif not holding.is_asked:
            self._due.add_later(holding)

    def _ask_for(self, holding: Holding, cost: int, now_ns: int) -> None:
        if now_ns < holding.again_ns and cost >= holding.needed:
            return
        # Whether others spend or return what they hold is not known sooner.
        if not holding.is_open or now_ns >= holding.ask_ns:
            self._ask(holding)

    def _needed(self, due: Collection[Holding], now_ns: int) -> dict[Holding, int]:
        """What the first request that is short of each needs; what all want is noted with it.

        Who is known to get nothing of one, and waits only to hear of another, needs none of it.
        """
        needed: dict[Holding, int] = {}
        for holding in due:
            holding.wanted = 0
        for waiting in self._lines:
            for holding, cost in waiting.takes():
                holding.wanted += cost
                is_told = why_short(holding, cost, Mode.EXACT, now_ns) is not None
                if holding.is_short(cost, now_ns) and not is_told:
                    needed.setdefault(holding, cost)
        return needed

    def _renewal(
        self, tenant: str, holdings: list[Holding], needed: dict[Holding, int], now_ns: int
    ) -> Renewal:
        for holding in holdings:
            self._begin_if_over(holding, now_ns)
            self._held.note(holding)
            holding.is_asked = True
        asks = tuple(holding.ask(needed.get(holding, 0), now_ns) for holding in holdings)
        return self._send(tenant, asks, holdings, now_ns)

    def _probe(self, now_ns: int) -> list[Renewal]:
        """Ask for nothing, to learn whether the store is back."""
        tenant = self._due.any().limit.tenant
        return [self._send(tenant, (), [], now_ns)]

    def _send(
        self, tenant: str, asks: tuple[Ask, ...], holdings: list[Holding], now_ns: int
    ) -> Renewal:
        self._number += 1
        self._sent[self._number] = now_ns, holdings
        return Renewal(tenant=tenant, holder=self._held.holder, number=self._number, asks=asks)

    def _begin_if_over(self, holding: Holding, now_ns: int) -> None:
        """Give it a new epoch if it has no lease, or one whose time is up."""
        if holding.lent_ns:
            self.outage.take_back(holding, now_ns)
        # A lease that was never heard of is asked for again, and not twice.
        if 0 < holding.ends_ns <= now_ns:
            holding.end(now_ns)
        if not holding.epoch:
            self._epoch += 1
            holding.epoch = self._epoch
            self._active[holding] = None

    def _keep_or_drop(self, holding: Holding, now_ns: int) -> None:
        if holding.is_idle:
            holding.end(now_ns)
            del self._active[holding]
            self._held.forget(holding)
        else:
            every_ns = holding.heartbeat_ns
            self._beats[every_ns].append((now_ns + every_ns, holding))


def _bounded(allowance: Allowance, costs: Costs) -> Costs:
    """An estimate above what a limit ever allows asks for all of it: it is no more than a guess."""
    bound = min(
        (holding.capacity for holding in allowance.holdings if holding.metric == _COMPUTE_MS),
        default=costs[_COMPUTE_MS],
    )
    requests, samples, size_bytes, compute_ms = costs
    return requests, samples, size_bytes, min(compute_ms, bound)


def _should_tell(holding: Holding) -> bool:
    """Whether so much was spent that a rate could not refill unless the store is told at once."""
    return holding.kind is Kind.RATE and holding.spent - holding.told_spent > holding.capacity // 2
