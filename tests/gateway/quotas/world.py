"""A world with one store, several holders and a network between them, all on one made-up clock."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from gateway.limits import Limit
from gateway.quotas.accounts import account_key, account_text, new_account, parse_account
from gateway.quotas.decisions import Allowance, Refusal, Reservation, Waiting
from gateway.quotas.holder import Holder
from gateway.quotas.holding import Costs, Holding
from gateway.quotas.ledger import Account, Now
from gateway.quotas.policies import Policies
from gateway.quotas.protocol import Answer, Renewal
from gateway.quotas.reaper import last_words
from tests.gateway.quotas.held import HeldInMemory

SECOND_US = 1_000_000
# Noon of a day in the middle of a month.
NOON_US = 1_781_524_800 * SECOND_US

PRINCIPAL = "key_1"
MODEL = "mnist"


class Clock:
    """The true time, which only goes on, and the calendar, which may be set."""

    def __init__(self) -> None:
        self.us = 1_000 * SECOND_US
        self.wall_offset_us = NOON_US - self.us

    def now(self) -> Now:
        return Now(self.us, self.us + self.wall_offset_us)


class WorldStore(Protocol):
    """A store that is asked without a loop, and can be looked into."""

    operations: int

    def renew(self, renewal: Renewal) -> Answer: ...

    def account(self, limit: Limit) -> Account[Any] | None: ...

    def reboot(self) -> None: ...


class FakeStore:
    """Accounts in memory, kept as text between two Renewals as a real store would."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.operations = 0
        self.texts: dict[str, bytes] = {}

    def renew(self, renewal: Renewal) -> Answer:
        self.operations += 1
        now = self.clock.now()
        given = []
        for ask in renewal.asks:
            key = account_key(ask.limit)
            text = self.texts.get(key)
            account = parse_account(text) if text else new_account(ask.limit, now)
            measure = ask.limit.measure
            given.append(account.renew(measure, renewal.holder, renewal.number, ask, now))
            self.texts[key] = account_text(account)
        return Answer(number=renewal.number, given=tuple(given))

    def account(self, limit: Limit) -> Account[Any] | None:
        text = self.texts.get(account_key(limit))
        return parse_account(text) if text else None

    def reboot(self) -> None:
        """The machine went down, and with it all holders."""
        for key, text in self.texts.items():
            account = parse_account(text)
            account.restart(self.clock.now())
            self.texts[key] = account_text(account)


@dataclass(slots=True, eq=False)
class Admitted:
    """A line of the log."""

    at_us: int
    limits: tuple[Limit, ...]
    costs: Costs
    worker: "Worker"
    reservation: Reservation
    # By limit, what it was taken from, and the epoch of that.
    holdings: dict[str, tuple[Holding, int]]
    used: Costs | None = None

    def is_on_lease(self, limit_id: str) -> bool:
        """Whether the lease that it was taken from still is; else the store counts it no more."""
        if limit_id not in self.holdings:
            return False
        holding, epoch = self.holdings[limit_id]
        return holding.epoch == epoch and holding.ends_ns > self.worker.now_ns()


@dataclass(slots=True, eq=False)
class Worker:
    """A holder and what surrounds it."""

    world: "World"
    held: HeldInMemory
    # Its clock is so much faster than the true one.
    drift_per_mille: int
    holder: Holder = field(init=False)
    # Held on to, as by the tab of a caller: debt outlives a lease.
    used: Allowance | None = None
    limits: tuple[Limit, ...] = ()
    waiting: list[Waiting] = field(default_factory=list)
    in_flight: list[Admitted] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    unanswered: list[Renewal] = field(default_factory=list)

    def __post_init__(self) -> None:
        world = self.world
        self.holder = Holder(
            self.held, self.now_ns, world.policies, lambda: None, is_alone=world.is_alone
        )
        self.limits = self.world.limits

    def now_ns(self) -> int:
        return self.world.clock.us * (1000 + self.drift_per_mille)

    def allowance(self) -> Allowance:
        self.used = allowance = self.holder.allowances.of(self.limits, MODEL)
        return allowance

    def request(self, costs: Costs) -> Reservation | Refusal | Waiting:
        allowance, limits = self.allowance(), self.limits

        def decided(outcome: Reservation | Refusal) -> None:
            if isinstance(outcome, Reservation):
                self._log(outcome, limits)
            else:
                self.refusals.append(outcome)

        outcome = self.holder.admit(allowance, costs, decided)
        if isinstance(outcome, Waiting):
            self.waiting.append(outcome)
        else:
            decided(outcome)
        return outcome

    def _log(self, reservation: Reservation, limits: tuple[Limit, ...]) -> None:
        allowance = reservation.allowance
        assert allowance is not None
        holdings = {one.limit.id: (one, one.epoch) for one in allowance.holdings}
        at_us = self.world.clock.us
        line = Admitted(at_us, limits, reservation.costs, self, reservation, holdings)
        self.in_flight.append(line)
        self.world.log.append(line)
        self.world.on_admitted(line)

    def settle(self, line: Admitted, used: Costs) -> None:
        self.in_flight.remove(line)
        line.used = used
        self.holder.settle(line.reservation, used)

    def send(self) -> list[Renewal]:
        """Renewals that are on their way from here on."""
        renewals = self.holder.renewals()
        self.unanswered += renewals
        return renewals

    def hear(self, answer: Answer) -> None:
        self.unanswered = [one for one in self.unanswered if one.number != answer.number]
        self.holder.heard(answer)

    def give_up(self, renewal: Renewal) -> None:
        if renewal in self.unanswered:
            self.unanswered.remove(renewal)
            self.holder.failed(renewal)

    def exchange(self) -> None:
        """Ask all there is to ask, and hear the answers, in no time."""
        while self.holder.is_due:
            for renewal in self.send():
                self.hear(self.world.store.renew(renewal))

    def beat(self) -> None:
        if self.holder.beat():
            for renewal in self.send():
                self.hear(self.world.store.renew(renewal))
        self.exchange()


class World:
    """One store, several workers, and the log of all that was admitted."""

    def __init__(
        self,
        limits: tuple[Limit, ...],
        workers: int = 1,
        policies: Policies | None = None,
        on_admitted: Callable[[Admitted], None] = lambda line: None,
        new_store: Callable[[Clock], WorldStore] | None = None,
        *,
        is_alone: bool = False,
    ) -> None:
        self.clock = Clock()
        self.store = (new_store or FakeStore)(self.clock)
        self.limits = limits
        self.policies = policies or Policies()
        self.on_admitted = on_admitted
        self.log: list[Admitted] = []
        self.is_alone = is_alone
        self._born = 0
        self.workers = [self.born() for _ in range(workers)]

    def born(self, drift_per_mille: int = 0) -> Worker:
        self._born += 1
        return Worker(self, HeldInMemory(f"worker_{self._born}"), drift_per_mille)

    def reap(self, dead: Worker) -> None:
        """End what it held; it must be dead."""
        for renewal in last_words(dead.held.holder, dead.held.limits):
            self.store.renew(renewal)

    def pass_us(self, span_us: int) -> None:
        self.clock.us += span_us
