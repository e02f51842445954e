"""All Tritons of a worker: who gets the next request, by what happened to those before."""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import structlog

from gateway.data.replicas import choice, sequences
from gateway.data.replicas.ejection import may_eject
from gateway.data.replicas.replica import Replica
from gateway.data.replicas.retries import RetryBudget
from gateway.data.routes import TENSOR_VERBS, Route

# Clients name models; beyond so many names the lists are made anew.
MAX_LISTS = 4096
_FAILED = 500

_log = structlog.get_logger()


class Replicas:
    """The Tritons that are used. With one there is no choice, and nothing of this is called."""

    def __init__(
        self,
        replicas: Iterable[Replica],
        *,
        now_s: Callable[[], float],
        draw: Callable[[], float] = random.random,
    ) -> None:
        self.all: list[Replica] = []
        # The only one; None: there are several.
        self.only: Replica | None = None
        self.budget = RetryBudget(now_s)
        # What came of requests that might have been repeated, by outcome.
        self.repeats: Counter[str] = Counter()
        # The same of requests that a second one might have had at the same time.
        self.hedges: Counter[str] = Counter()
        self.on_change: Callable[[], None] = _ignore
        # Called when it should be asked soon whether a Triton is live.
        self.on_suspicion: Callable[[Replica], None] = _ignore
        self._leaving: list[Replica] = []
        self._pins: sequences.Pins[Replica] = sequences.Pins(now_s)
        # By model: the places of those that may serve it, ready to be drawn from.
        self._lists: dict[str, list[int]] = {}
        # What each has in flight, by its place.
        self._loads: list[int] = []
        # Those of which something is noted that an answer may put right. Mostly none: of many
        # Tritons each look at one is memory to be fetched.
        self._noted: set[Replica] = set()
        # By model: one whose breaker lets a single request through.
        self._trials: dict[str, Replica] = {}
        self._now_s = now_s
        self._draw = draw
        self._use(list(replicas))

    # Choosing.

    def choose(self, model: str) -> Replica:
        """Who gets a request for this model."""
        if self._trials and model in self._trials:
            return self._trials.pop(model)
        places = self._lists.get(model) or self._make_list(model)
        return self.all[choice.pick(places, self._loads, self._draw)]

    def choose_besides(self, model: str, tried: Sequence[Replica]) -> Replica | None:
        """Who gets a request that others have not answered; None: nobody is left."""
        left = [replica.place for replica in self.usable(model) if replica not in tried]
        return self.all[choice.pick(left, self._loads, self._draw)] if left else None

    def choose_spare(self, model: str, busy: Replica) -> Replica | None:
        """Who may have a request that `busy` has, too; None: nobody is fit and has room."""
        left = [
            other.place
            for other in self.all
            if other is not busy
            and other.is_fit(model)
            and other.in_flight < other.pool.max_connections
        ]
        return self.all[choice.pick(left, self._loads, self._draw)] if left else None

    def choose_for(self, model: str, sequence: sequences.Sequence) -> Replica:
        """Who gets a request of this sequence: whoever has had those before.

        Where this worker has seen none of them, other workers come to the same choice.
        """
        key = f"{model} {sequence.id}"
        replica = None if sequence.starts else self._pins.get(key)
        if replica is None:
            replica = choice.assign(key, self.usable(model))
        self.pin(model, sequence, replica)
        return replica

    def pin(self, model: str, sequence: sequences.Sequence, replica: Replica) -> None:
        """Requests of this sequence that are still to come go there."""
        key = f"{model} {sequence.id}"
        if sequence.ends:
            self._pins.drop(key)
        else:
            self._pins.put(key, replica)

    def usable(self, model: str) -> list[Replica]:
        """Those that may serve a model. Never none: where all seem unfit, any may do."""
        able = [replica for replica in self.all if replica.may_have(model)] or self.all
        standing = [replica for replica in able if replica.standing.is_usable] or able
        return [replica for replica in standing if not replica.breakers.is_open(model)] or standing

    def _make_list(self, model: str) -> list[int]:
        if len(self._lists) >= MAX_LISTS:
            self._lists.clear()
        now_s = self._now_s()
        usable = self.usable(model)
        slots = choice.slots_of((one.place, one.standing.share(now_s)) for one in usable)
        self._lists[model] = slots
        return slots

    # What requests tell.

    def answered(self, replica: Replica, route: Route, status: int) -> None:
        """It has answered; mostly there is nothing to note."""
        if status < _FAILED and not (self._noted and replica in self._noted):
            return
        replica.standing.broken = 0
        # That a model is ready does not say that it works.
        if route.verb in TENSOR_VERBS:
            self._note(replica, route.model, has_failed=status >= _FAILED)
        if not replica.breakers:
            self._noted.discard(replica)

    def _note(self, replica: Replica, model: str, *, has_failed: bool) -> None:
        breakers = replica.breakers
        if has_failed:
            self._noted.add(replica)
            if breakers.failed(model, self._now_s()):
                _log.warning("model_breaker_opened", triton=replica.name, model=model)
                self._lists.clear()
        elif breakers.succeeded(model):
            _log.info("model_breaker_closed", triton=replica.name, model=model)
            self._lists.clear()

    def lacked(self, replica: Replica) -> None:
        """It does not have a model that it should have."""
        replica.is_index_due = True

    def broke(self, replica: Replica) -> None:
        """A connection broke before the answer was whole."""
        self.on_suspicion(replica)
        self._noted.add(replica)
        if replica.standing.broke() and may_eject(self._ejected, len(self.all)):
            self.eject(replica, "requests broke off")

    def eject(self, replica: Replica, reason: str) -> None:
        """Leave it out for now."""
        if self.only is not None or not replica.standing.is_usable:
            return
        _log.warning("triton_ejected", triton=replica.name, reason=reason)
        replica.ejections += 1
        replica.standing.eject(self._now_s())
        replica.pool.rest()
        self._lists.clear()

    def take_back(self, replica: Replica) -> None:
        """It is live again."""
        _log.info("triton_taken_back", triton=replica.name)
        replica.standing.take_back(self._now_s())
        replica.pool.resume()
        self._lists.clear()

    def know_models(self, replica: Replica, models: frozenset[str] | None) -> None:
        """What is ready there."""
        replica.is_index_due = False
        if replica.models != models:
            replica.models = models
            self._lists.clear()

    # What time and the names of hosts bring.

    def pass_time(self) -> None:
        """Called about once a second."""
        now_s = self._now_s()
        self.budget.pass_time()
        for replica in self.all:
            if replica.standing.pass_time(now_s):
                self._lists.clear()
            if replica.standing.is_usable:
                self._trials |= dict.fromkeys(replica.breakers.due(now_s), replica)
        self._leaving = [gone for gone in self._leaving if gone.pool.open_connections]

    def replace(self, replicas: Iterable[Replica]) -> None:
        """Use these from now on; whoever is left out finishes what it has in flight."""
        wanted = list(replicas)
        for gone in self.all:
            if gone not in wanted:
                gone.pool.rest()
                gone.pool.tell_load_at([0], 0)
                gone.asking.close()
                self._leaving.append(gone)
                self._pins.forget(gone)
        for new in wanted:
            if new not in self.all:
                new.standing.await_probe()
        self._use(wanted)
        self.on_change()

    def close(self) -> None:
        """Close everything, also what is in use."""
        for replica in (*self.all, *self._leaving):
            replica.close()

    @property
    def max_connections(self) -> int:
        """Most connections to all of them."""
        return sum(replica.pool.max_connections for replica in self.all)

    @property
    def _ejected(self) -> int:
        return sum(not replica.standing.is_usable for replica in self.all)

    def _use(self, replicas: list[Replica]) -> None:
        self.all = replicas
        self.only = replicas[0] if len(replicas) == 1 else None
        if self.only is not None and not self.only.standing.is_usable:
            self.take_back(self.only)
        self._noted &= set(replicas)
        self._loads = [0] * len(replicas)
        for place, replica in enumerate(replicas):
            replica.place = place
            replica.pool.on_refused = self._on_refused(replica)
            if self.only is None:
                replica.pool.tell_load_at(self._loads, place)
        self._lists.clear()
        self._trials.clear()

    def _on_refused(self, replica: Replica) -> Callable[[], None]:
        return lambda: self.eject(replica, "no connection can be made")


def _ignore(*_: object) -> None:
    """Nobody wants to know."""
