"""A server that is only a model: one queue and servers that take some time, measured as steps.

What a plan asks of it is simulated, so that hours pass in no time and the capacity is known.
"""

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterator

from loadtest.arrivals import arrivals
from loadtest.histogram import LatencyHistogram
from loadtest.results import Bottleneck, Load, Loop, Step, Window


class QueueModel:
    """Measures as a real bench does; `capacity` requests a second, and no more."""

    def __init__(
        self,
        *,
        capacity: float,
        servers: int = 1,
        service_s: Callable[[float], float] | None = None,
        errors: Callable[[float], bool] = lambda at_s: False,
        limit: float = float("inf"),
        invalid: Callable[[Load], list[str]] = lambda load: [],
    ) -> None:
        self.capacity = capacity
        self.steps: list[Step] = []
        self._servers = servers
        self._service_s = service_s or (lambda at_s: servers / capacity)
        self._errors = errors
        self._limit = limit
        self._invalid = invalid
        self._now_s = 0.0

    def measure(self, label: str, load: Load) -> Step:
        """One step; the queue is empty at its start, as it is after a real one has ended."""
        seconds = round(load.warmup_s + load.duration_s)
        # What is answered after the load has ended has windows of its own.
        windows = defaultdict(_Seconds, {second: _Seconds() for second in range(seconds)})
        for planned_s, sent_s, ended_s in self._answers(load):
            planned, ended = int(planned_s), int(ended_s)
            windows[planned].planned += 1
            if windows[planned].planned > self._limit:
                windows[planned].limited += 1
            elif self._errors(self._now_s + planned_s):
                windows[planned].errors += 1
            else:
                windows[ended].corrected.record((ended_s - planned_s) * 1e6)
                windows[ended].service.record((ended_s - sent_s) * 1e6)
        self._now_s += seconds
        step = Step(
            label=label,
            load=load,
            windows=[w.frozen(n, n < load.warmup_s, load.loop) for n, w in sorted(windows.items())],
            seconds=load.duration_s,
            bottleneck=Bottleneck.COMPUTE if load.rate > self.capacity else Bottleneck.NONE,
            invalid=self._invalid(load),
        )
        self.steps.append(step)
        return step

    def _answers(self, load: Load) -> Iterator[tuple[float, float, float]]:
        """Planned, sent and ended of each request."""
        free = [0.0] * self._servers
        if load.loop is Loop.OPEN:
            for at_s in arrivals(load, seed=1):
                yield at_s, at_s, self._serve(free, at_s)
            return
        ready = [0.0] * load.users
        while (at_s := heapq.heappop(ready)) < load.warmup_s + load.duration_s:
            ended_s = self._serve(free, at_s)
            yield at_s, at_s, ended_s
            heapq.heappush(ready, ended_s)

    def _serve(self, free: list[float], at_s: float) -> float:
        start_s = max(at_s, heapq.heappop(free))
        ended_s = start_s + self._service_s(self._now_s + at_s)
        heapq.heappush(free, ended_s)
        return ended_s


class _Seconds:
    def __init__(self) -> None:
        self.planned = self.limited = self.errors = 0
        self.service = LatencyHistogram()
        self.corrected = LatencyHistogram()

    def frozen(self, at_s: int, warmup: bool, loop: Loop) -> Window:
        service = self.service.frozen()
        answered = sum(service.counts.values())
        return Window(
            at_s=at_s,
            warmup=warmup,
            planned=self.planned if loop is Loop.OPEN else 0,
            sent=self.planned,
            missed=0,
            answered=answered,
            limited=self.limited,
            errors={"status 500": self.errors} if self.errors else {},
            service=service,
            corrected=self.corrected.frozen(),
        )
