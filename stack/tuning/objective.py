"""What is better: the two aims that a model can be tuned for."""

import math
from dataclasses import dataclass, field
from typing import Protocol

from stack.tuning.readings import Reading


class Objective(Protocol):
    """An aim, as a number that is to be as large as possible."""

    @property
    def users(self) -> tuple[int, ...]:
        """The loads to measure, the lightest first."""

    @property
    def guards_each_load(self) -> bool:
        """Whether neither p99 nor throughput may get worse at any load."""

    def worth(self, reading: Reading) -> float:
        """Requests a second, by this aim."""

    def harm(self, reading: Reading, shipped: Reading) -> float:
        """Largest ratio of what must not get worse; at most 1 where nothing did."""

    def is_enough(self, reading: Reading) -> bool:
        """Whether heavier loads can tell nothing more."""


@dataclass(frozen=True)
class Balanced:
    """Throughput over all loads, the geometric mean of them, with no load any worse off."""

    users: tuple[int, ...]
    guards_each_load: bool = field(default=True, init=False)

    def worth(self, reading: Reading) -> float:
        rates = [figures.per_second for figures in reading.values()]
        return math.prod(rates) ** (1 / len(rates))

    def harm(self, reading: Reading, shipped: Reading) -> float:
        return max(
            max(now.p99_ms / before.p99_ms, before.per_second / max(now.per_second, 1e-9))
            for now, before in ((reading[users], shipped[users]) for users in reading)
        )

    def is_enough(self, reading: Reading) -> bool:
        return False


@dataclass(frozen=True)
class Within:
    """The highest throughput whose p99 stays within a limit, read between two loads."""

    users: tuple[int, ...]
    p99_ms: float
    guards_each_load: bool = field(default=False, init=False)

    def worth(self, reading: Reading) -> float:
        """A model that never holds the limit is worth less the further it is away from it."""
        best, before = 0.0, None
        for users in sorted(reading):
            figures = reading[users]
            if figures.p99_ms <= self.p99_ms:
                best = max(best, figures.per_second)
            elif before is None:
                return figures.per_second * self.p99_ms / figures.p99_ms
            else:
                # p99 grows by factors from load to load, so the way between is read in logarithms.
                way = math.log(self.p99_ms / before.p99_ms)
                share = way / math.log(figures.p99_ms / before.p99_ms)
                between = before.per_second + share * (figures.per_second - before.per_second)
                return max(best, between)
            before = figures
        return best

    def harm(self, reading: Reading, shipped: Reading) -> float:
        return 0.0

    def is_enough(self, reading: Reading) -> bool:
        return any(figures.p99_ms > self.p99_ms for figures in reading.values())
