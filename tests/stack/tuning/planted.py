"""A planted response surface in place of a server and a load: what is best is known."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from loadtest.histogram import LatencyHistogram
from loadtest.results import Load, Loop, Step, Window
from stack.errors import RefusedError
from stack.tuning.bounds import Bounds, Range
from stack.tuning.trial_server import SHIPPED
from stack.tuning.values import Values

VALUES = Values(instances=1, queue_delay_us=1000, max_batch=32, preferred_batch=0, threads=0)
BOUNDS = Bounds(Range(1, 4), Range(0, 5000), Range(32, 32), Range(1, 4))
TUNABLE = ("instances", "threads", "queue_delay_us", "preferred_batch", "max_batch")

Rate = Callable[[Values], float]


def step(name: str, load: Load, per_second: float, *, failed: int = 0, p99_ms: float = 0) -> Step:
    """A step of one second; without a p99 every answer takes what the rate says."""
    service = LatencyHistogram()
    mean_us = load.users / per_second * 1e6 if per_second else 0.0
    for number in range(100 if per_second else 0):
        service.record(p99_ms * 1e3 if p99_ms and number >= 98 else mean_us)
    window = Window(
        at_s=0,
        warmup=False,
        planned=0,
        sent=0,
        missed=0,
        answered=round(per_second * 100),
        limited=0,
        errors={"failed": failed} if failed else {},
        service=service.frozen(),
        corrected=service.frozen(),
    )
    return Step(label=name, load=load, windows=[window], seconds=100.0)


def load(users: int) -> Load:
    return Load(loop=Loop.CLOSED, duration_s=1.0, users=users)


@dataclass
class FakeServer:
    """Serves values at a planted rate, on a machine whose speed changes from load to load."""

    rate: Rate
    speed: Iterator[float]
    shipped: Values = VALUES
    refused: Callable[[Values], bool] = lambda values: False
    loaded: dict[str, Values] = field(default_factory=dict)
    tried: list[Values] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.loaded[SHIPPED] = self.shipped

    def load(self, name: str, values: Values) -> None:
        self.tried.append(values)
        if self.refused(values):
            raise RefusedError("no", reason="Internal: no room")
        self.loaded[name] = values

    def unload(self, name: str) -> None:
        del self.loaded[name]

    def measure(self, name: str, load: Load) -> Step:
        return step(name, load, self.rate(self.loaded[name]) * next(self.speed))
