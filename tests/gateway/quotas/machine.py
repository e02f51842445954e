"""Everything that can go wrong, in any order: the state machine of the quotas (docs/quotas.md).

Requests and settlements, time that passes and a calendar that is set, messages lost, late, doubled
and out of order, holders that freeze, crash and come up again, a store that goes away, a machine
that goes down, an operator who changes limits. What must hold is judged by the log alone.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from gateway.limits import Budget, Concurrency, Limit, Metric, Period
from gateway.quotas.holding import Costs
from gateway.quotas.policies import Policies, Policy
from gateway.quotas.protocol import Answer, Renewal
from gateway.quotas.reaper import last_words
from gateway.rates import Rate
from tests.gateway.quotas.invariants import METRICS, largest_sum, most_above_rate
from tests.gateway.quotas.world import (
    SECOND_US,
    Admitted,
    Clock,
    FakeStore,
    Worker,
    World,
    WorldStore,
)

STRICT = Policies(rate=Policy.REFUSE, concurrency=Policy.REFUSE, budget=Policy.REFUSE)
M = TypeVar("M")

# Small ones are used up, which is where it is told whether they hold. Of many, leases are light, of
# very many very light, until an operator lowers the limit.
MANY = 1_000_000
bursts = st.one_of(st.integers(1, 60), st.integers(1, 60), st.just(MANY))
rates = st.builds(Rate, st.integers(1, 100), st.sampled_from([1, 60]), bursts)
amounts = st.one_of(st.integers(1, 20), st.integers(0, 300), st.just(MANY))
day_budgets = st.builds(Budget, amounts, st.just(Period.DAY))
month_budgets = st.builds(Budget, amounts.map(lambda amount: 3 * amount), st.just(Period.MONTH))
concurrencies = st.builds(Concurrency, st.one_of(st.integers(1, 12), st.sampled_from([300, MANY])))
# Which of the limits there are.
chosen = st.one_of(
    st.sets(st.integers(0, 4), min_size=1, max_size=1), st.sets(st.integers(0, 4), min_size=1)
)
terms = st.tuples(rates, day_budgets, rates, month_budgets, concurrencies, chosen)
Terms = tuple[Rate, Budget, Rate, Budget, Concurrency, set[int]]
costs = st.tuples(st.just(1), st.integers(0, 3), st.integers(0, 6), st.integers(0, 12))
which = st.integers(0, 1000)
spans_us = st.one_of(
    st.integers(1, 1000),
    st.integers(1, 300_000),
    st.sampled_from([1_000_000, 2_000_000, 4_960_000, 5_000_000, 5_040_000, 30_000_000]),
    st.sampled_from([59_300_000, 60_700_000, 400_000_000, 593_000_000, 607_000_000]),
)


def limits_of(terms: Terms) -> tuple[Limit, ...]:
    rate, day, size, month, concurrency, chosen = terms
    limits = (
        Limit("rate", "acme", "key_1", "*", Metric.REQUESTS, rate),
        Limit("samples", "acme", None, "*", Metric.SAMPLES, day),
        Limit("bytes", "acme", None, "*", Metric.BYTES, size),
        Limit("compute", "acme", "key_1", "*", Metric.COMPUTE_MS, month),
        Limit("slots", "acme", None, "mn*", Metric.REQUESTS, concurrency),
    )
    return tuple(limits[number] for number in sorted(chosen))


def taken(line: Admitted, metric: int) -> int:
    """What a request has taken: what was reserved, until it is known what was used."""
    is_settled = line.used is not None and metric > 0
    return line.used[metric] if is_settled and line.used else line.costs[metric]


class QuotaMachine(RuleBasedStateMachine):
    """Three workers and one store, with whatever hypothesis thinks of."""

    policies = STRICT
    # How much more than the limit a rate or concurrency may let through.
    most_times = 1
    new_store: Callable[[Clock], WorldStore] = FakeStore

    def __init__(self) -> None:
        super().__init__()
        # On their way: to the store, and back from it.
        self.asked: list[tuple[Worker, Renewal]] = []
        self.answers: list[tuple[Worker, Answer]] = []
        self.dead: list[Worker] = []
        self.last_words: list[Renewal] = []
        self.is_store_up = True
        self.judged = 0
        # Of every limit, all measures it ever had.
        self.measures: dict[str, list[object]] = defaultdict(list)
        self.slot_faults: list[str] = []
        # By limit, what was admitted in which window, as the store's calendar had it.
        self.windows: dict[str, list[tuple[int, Admitted]]] = defaultdict(list)

    @initialize(terms=terms)
    def begin(self, terms: Terms) -> None:
        limits = limits_of(terms)
        self._remember(limits)
        self.world = World(limits, 0, self.policies, self._judge, type(self).new_store)
        self.world.workers = [self.world.born(drift) for drift in (-4, 0, 4)]

    # Clients.

    @rule(who=which, costs=costs, times=st.integers(1, 120), gap_us=spans_us, keeps=st.booleans())
    def are_busy(self, who: int, costs: Costs, times: int, gap_us: int, keeps: bool) -> None:
        """Requests one after the other, at a worker that asks and hears quickly."""
        worker = self._worker(who)
        for _ in range(times):
            self.world.pass_us(gap_us // times)
            worker.request(costs)
            self._converse(worker)
            if not keeps:
                self._settle(worker, 0, 50)

    @rule(costs=costs, times=st.integers(1, 12), gap_us=spans_us)
    def are_busy_everywhere(self, costs: Costs, times: int, gap_us: int) -> None:
        for _ in range(times):
            for worker in self.world.workers:
                self.world.pass_us(gap_us // times)
                worker.request(costs)
                self._converse(worker)
                self._settle(worker, 0, 100)

    @rule(who=which, costs=costs, times=st.integers(1, 12))
    def request(self, who: int, costs: Costs, times: int) -> None:
        """The store hears of it whenever it does."""
        for _ in range(times):
            self._worker(who).request(costs)

    @rule(who=which, one=which, part=st.integers(0, 100))
    def settle(self, who: int, one: int, part: int) -> None:
        self._settle(self._worker(who), one, part)

    @rule(who=which, one=which)
    def leave(self, who: int, one: int) -> None:
        worker = self._worker(who)
        if worker.waiting:
            worker.holder.leave(worker.waiting.pop(one % len(worker.waiting)))

    # Time.

    @rule(span_us=spans_us)
    def time_passes(self, span_us: int) -> None:
        """Whoever does not beat meanwhile is frozen."""
        self.world.pass_us(span_us)

    @rule(span_us=spans_us)
    def time_passes_with_beats(self, span_us: int) -> None:
        for _ in range(4):
            self.world.pass_us(span_us // 4)
            for worker in self.world.workers:
                if worker.holder.beat():
                    self._converse(worker)

    @rule(span_us=st.integers(1, 50_000), times=st.integers(1, 25))
    def time_passes_with_looks(self, span_us: int, times: int) -> None:
        """For slots that requests wait for."""
        for _ in range(times):
            self.world.pass_us(span_us)
            for worker in self.world.workers:
                if worker.holder.is_hopeful:
                    worker.holder.look_again()
                    self._converse(worker)

    @rule(hours=st.integers(-40, 40))
    def set_calendar(self, hours: int) -> None:
        self.world.clock.wall_offset_us += hours * 3600 * SECOND_US

    # The network. Whoever is not answered gives up at some time, or not.

    @rule(who=which, is_beat=st.booleans())
    def send(self, who: int, is_beat: bool) -> None:
        worker = self._worker(who)
        must_send = is_beat and worker.holder.beat()
        if (worker.holder.is_due or must_send) and not worker.unanswered:
            self.asked += [(worker, renewal) for renewal in worker.send()]

    @rule(one=which, again=st.booleans())
    def ask_arrives(self, one: int, again: bool) -> None:
        if self.asked:
            worker, renewal = self._pick(self.asked, one, again)
            if self.is_store_up:
                self.answers.append((worker, self.world.store.renew(renewal)))

    @rule(one=which, again=st.booleans())
    def answer_arrives(self, one: int, again: bool) -> None:
        if self.answers:
            worker, answer = self._pick(self.answers, one, again)
            worker.hear(answer)

    @rule(one=which, is_ask=st.booleans())
    def message_is_lost(self, one: int, is_ask: bool) -> None:
        messages: list[tuple[Worker, Renewal]] | list[tuple[Worker, Answer]]
        messages = self.asked if is_ask else self.answers
        if messages:
            messages.pop(one % len(messages))

    @rule(who=which)
    def give_up_waiting(self, who: int) -> None:
        worker = self._worker(who)
        for renewal in list(worker.unanswered):
            worker.give_up(renewal)

    # Those that fail.

    @rule()
    def store_goes_away(self) -> None:
        self.is_store_up = False

    @rule()
    def all_is_well_again(self) -> None:
        """The store is there, nobody waits for a message that was lost, and all requests end."""
        self.is_store_up = True
        self.world.pass_us(250_000)
        for worker in self.world.workers:
            for renewal in list(worker.unanswered):
                worker.give_up(renewal)
            worker.beat()
            while worker.in_flight:
                self._settle(worker, 0, 100)

    @rule(who=which, drift=st.integers(-4, 4))
    def crash(self, who: int, drift: int) -> None:
        """Its messages may still arrive."""
        number = who % len(self.world.workers)
        self.dead.append(self.world.workers[number])
        self.world.workers[number] = self.world.born(drift)

    @precondition(lambda self: self.dead)
    @rule(who=which, again=st.booleans())
    def speak_last_words(self, who: int, again: bool) -> None:
        """Somebody has seen that it is dead; if he is killed meanwhile, somebody sees it again."""
        dead = self._pick(self.dead, who, again)
        self.last_words += last_words(dead.held.holder, dead.held.limits)

    @precondition(lambda self: self.last_words)
    @rule(one=which, again=st.booleans())
    def last_word_arrives(self, one: int, again: bool) -> None:
        renewal = self._pick(self.last_words, one, again)
        if self.is_store_up:
            self.world.store.renew(renewal)

    @precondition(lambda self: len(self.world.log) > 20)
    @rule()
    def machine_reboots(self) -> None:
        self.world.store.reboot()
        self.asked, self.answers, self.last_words = [], [], []
        self.dead += self.world.workers
        self.world.workers = [self.world.born() for _ in self.world.workers]

    # The operator.

    @rule(terms=terms)
    def change_limits(self, terms: Terms) -> None:
        """Workers hear of it at a time of their own."""
        self.world.limits = limits_of(terms)
        self._remember(self.world.limits)

    @rule(who=which, is_recalled=st.booleans())
    def hear_of_limits(self, who: int, is_recalled: bool) -> None:
        """As the records tell of it, or of a change before."""
        worker = self._worker(who)
        if is_recalled:
            worker.holder.recall({"key_1"}, {"acme"})
        worker.limits = self.world.limits

    # What must hold.

    @invariant()
    def all_limits_hold(self) -> None:
        """Settling only makes less of what was taken: to be judged again is what is new."""
        if len(self.world.log) == self.judged:
            return
        self.judged = len(self.world.log)
        self.rates_hold_in_every_interval()
        self.budgets_hold_in_every_window()
        # At every moment, noted as they were admitted.
        assert not self.slot_faults

    @invariant()
    def no_holder_returns_slots_it_does_not_have(self) -> None:
        """Others would be given more than there are, and seldom soon enough to be seen."""
        for limit in self.world.limits:
            account = self.world.store.account(limit)
            if account is not None and isinstance(limit.measure, Concurrency):
                assert all(lease.out >= 0 for lease in account.leases.values())

    @invariant()
    def nobody_holds_more_than_the_limit_is(self) -> None:
        """Also when it was more before."""
        for worker in self.world.workers:
            assert all(one.free <= one.capacity for one in worker.holder._active)

    @invariant()
    def no_more_is_live_than_is_out(self) -> None:
        """That is what docs/quotas.md argues from; a log shows it only where others take it too."""
        for worker in self.world.workers:
            for holding in worker.holder._active:
                live = holding.free + holding.reserved
                if live <= 0 or holding.lent_ns or holding.ends_ns <= worker.now_ns():
                    continue
                account = self.world.store.account(holding.limit)
                lease = None if account is None else account.leases.get(worker.held.holder)
                assert lease is not None
                assert lease.epoch == holding.epoch and lease.out >= live

    def rates_hold_in_every_interval(self) -> None:
        for limit_id, metric in (("rate", 0), ("bytes", 2)):
            measures = [one for one in self.measures[limit_id] if isinstance(one, Rate)]
            if not measures:
                continue
            # While it changes either may count; on a common period, the most of each.
            fastest = max(one.amount * (60 // one.period_s) for one in measures)
            burst = max(one.burst for one in measures)
            envelope = Rate(self.most_times * fastest, 60, self.most_times * burst)
            events = [
                (line.at_us, taken(line, metric))
                for line in self.world.log
                if limit_id in line.holdings
            ]
            assert most_above_rate(events, envelope) <= 0

    def budgets_hold_in_every_window(self) -> None:
        for limit_id, metric in (("samples", 1), ("compute", 3)):
            lines = self.windows[limit_id]
            events = [(window_us, taken(line, metric)) for window_us, line in lines]
            budgets = [one for one in self.measures[limit_id] if isinstance(one, Budget)]
            assert largest_sum(events) <= max((budget.amount for budget in budgets), default=0)

    # How.

    def _worker(self, who: int) -> Worker:
        return self.world.workers[who % len(self.world.workers)]

    def _remember(self, limits: tuple[Limit, ...]) -> None:
        for limit in limits:
            self.measures[limit.id].append(limit.measure)

    def _settle(self, worker: Worker, one: int, part: int) -> None:
        if worker.in_flight:
            line = worker.in_flight[one % len(worker.in_flight)]
            samples, size_bytes, compute_ms = (cost * part // 100 for cost in line.costs[1:])
            worker.settle(line, (1, samples, size_bytes, compute_ms))

    def _converse(self, worker: Worker) -> None:
        """Ask and hear until nobody has a question, unless a message is under way."""
        operations = 0
        while worker.holder.is_due and not worker.unanswered:
            operations += 1
            assert operations < 1000, "it asks for what it was told it cannot have"
            for renewal in worker.send():
                if self.is_store_up:
                    worker.hear(self.world.store.renew(renewal))
                else:
                    worker.give_up(renewal)

    def _pick(self, messages: list[M], one: int, again: bool) -> M:
        """One of them, in whatever order; it may come again later."""
        index = one % len(messages)
        return messages[index] if again else messages.pop(index)

    def _judge(self, line: Admitted) -> None:
        """Called as each is admitted."""
        for limit in line.limits:
            if isinstance(limit.measure, Budget):
                self._note_window(limit, line)
            if isinstance(limit.measure, Concurrency):
                self._count_slots(limit)

    def _note_window(self, limit: Limit, line: Admitted) -> None:
        account = self.world.store.account(limit)
        if account is None:
            # Nothing was taken of it.
            assert not taken(line, METRICS.index(limit.metric))
            return
        self.windows[limit.id].append((account.window_ends_us, line))

    def _count_slots(self, limit: Limit) -> None:
        in_flight = sum(
            line.is_on_lease(limit.id) for worker in self.world.workers for line in worker.in_flight
        )
        slots = [one for one in self.measures[limit.id] if isinstance(one, Concurrency)]
        if in_flight > self.most_times * max(one.slots for one in slots):
            self.slot_faults.append(f"{in_flight} in flight")
