"""Workers at overload on a made-up clock: what is given of what is allowed, and what it costs.

Each worker beats, and talks to the store in one exchange at a time, as `renewing.py` has it; an
exchange takes a few milliseconds. Some workers are killed, and others come in their place.
"""

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass

from gateway.limits import Measure
from gateway.quotas.holding import Costs
from gateway.quotas.protocol import Answer
from gateway.quotas.reaper import LOOK_EVERY_S
from gateway.quotas.renewing import LOOK_AGAIN_S
from tests.gateway.quotas.builders import limit
from tests.gateway.quotas.world import SECOND_US, Admitted, Worker, World

BEAT_US = SECOND_US // 4
LOOK_AGAIN_US = round(LOOK_AGAIN_S * SECOND_US)
# From a question to the store until its answer is heard.
EXCHANGE_US = 4000
# Another worker looks so often whether it is dead.
LOOK_EVERY_US = round(LOOK_EVERY_S * SECOND_US)
# From the death of a worker until another has its place.
START_US = SECOND_US
ONE: Costs = (1, 1, 100, 10)


@dataclass(frozen=True, kw_only=True)
class Demand:
    """Requests of one tenant, at workers chosen by chance."""

    measure: Measure
    per_s: float
    # All of them at once, every so many seconds; 0: spread by chance.
    pulse_s: float = 0.0
    takes_s: float = 0.0


class Overload:
    """Run it; then `sent_us` tells who came, and `admitted` how many were let in."""

    def __init__(self, demand: Demand, workers: int, seed: int = 1) -> None:
        self.world = World((limit(demand.measure),), workers, on_admitted=self._begin)
        self.sent_us: list[int] = []
        self.renewals = 0
        self._demand = demand
        self._random = random.Random(seed)
        self._numbers = itertools.count()
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._asking: set[Worker] = set()
        # Of requests that were broken off, the time that they had still to go.
        self._broken_off_us = 0
        self._began_us = self.world.clock.us
        for worker in self.world.workers:
            self._start(worker)

    @property
    def admitted(self) -> float:
        """Of a request that was broken off counts the part that was done: its slot came free."""
        takes_us = self._demand.takes_s * SECOND_US
        return len(self.world.log) - (self._broken_off_us / takes_us if takes_us else 0.0)

    def run(self, seconds: float, kill_every_s: float = 0.0) -> None:
        """From the first request to the last."""
        end_us = round(seconds * SECOND_US)
        for at_us in self._arrivals(end_us):
            self._at(at_us, self._arrive)
        if kill_every_s:
            step_us = round(kill_every_s * SECOND_US)
            for at_us in range(step_us // 2, end_us, step_us):
                self._at(at_us, self._kill)
        # Who came last hears of it.
        clock, end_us = self.world.clock, end_us + self._began_us + 2 * EXCHANGE_US
        while self._events and self._events[0][0] <= end_us:
            clock.us, _, what = heapq.heappop(self._events)
            what()

    def _arrivals(self, end_us: int) -> list[int]:
        demand, chosen = self._demand, self._random
        step_s = demand.pulse_s or 1 / demand.per_s
        at_once = round(demand.per_s * step_s)
        moments, at_s = [], chosen.random() * step_s
        while at_s * SECOND_US < end_us:
            moments += [round(at_s * SECOND_US)] * at_once
            at_s += step_s if demand.pulse_s else step_s * chosen.uniform(0.5, 1.5)
        return moments

    def _at(self, after_us: int, what: Callable[[], None]) -> None:
        at_us = self.world.clock.us + after_us
        heapq.heappush(self._events, (at_us, next(self._numbers), what))

    def _arrive(self) -> None:
        self.sent_us.append(self.world.clock.us - self._began_us)
        worker = self._random.choice(self.world.workers)
        worker.request(ONE)
        self._ask(worker)

    def _begin(self, line: Admitted) -> None:
        takes_us = round(self._demand.takes_s * SECOND_US)
        self._at(takes_us, lambda: self._end(line))

    def _end(self, line: Admitted) -> None:
        if line.worker in self.world.workers:
            line.worker.settle(line, ONE)
            self._ask(line.worker)

    def _beat(self, worker: Worker) -> None:
        if worker in self.world.workers:
            self._ask(worker, is_due=worker.holder.beat())
            self._at(BEAT_US, lambda: self._beat(worker))

    def _look(self, worker: Worker) -> None:
        if worker in self.world.workers:
            if worker.holder.is_hopeful:
                worker.holder.look_again()
                self._ask(worker)
            self._at(LOOK_AGAIN_US, lambda: self._look(worker))

    def _ask(self, worker: Worker, *, is_due: bool = False) -> None:
        if worker in self._asking or not (is_due or worker.holder.is_due):
            return
        self._asking.add(worker)
        renewals = worker.send()
        self.renewals += len(renewals)

        def arrive() -> None:
            answers = [self.world.store.renew(renewal) for renewal in renewals]
            self._at(EXCHANGE_US // 2, lambda: hear(answers))

        def hear(answers: list[Answer]) -> None:
            self._asking.discard(worker)
            if worker in self.world.workers:
                for answer in answers:
                    worker.hear(answer)
                self._ask(worker)

        self._at(EXCHANGE_US // 2, arrive)

    def _kill(self) -> None:
        dead = self.world.workers.pop(self._random.randrange(len(self.world.workers)))
        takes_us, now_us = round(self._demand.takes_s * SECOND_US), self.world.clock.us
        self._broken_off_us += sum(line.at_us + takes_us - now_us for line in dead.in_flight)
        seen_us = self._random.randrange(LOOK_EVERY_US)
        self._at(seen_us + EXCHANGE_US // 2, lambda: self.world.reap(dead))
        self._at(START_US, self._start_another)

    def _start_another(self) -> None:
        worker = self.world.born()
        self.world.workers.append(worker)
        self._start(worker)

    def _start(self, worker: Worker) -> None:
        self._at(self._random.randrange(BEAT_US), lambda: self._beat(worker))
        self._at(self._random.randrange(LOOK_AGAIN_US), lambda: self._look(worker))
