"""What an operator may limit: how much of which metric, for whom, on which models."""

from dataclasses import dataclass
from enum import StrEnum

from gateway.errors import InvalidInput
from gateway.rates import Rate
from gateway.shown import shown

MAX_CONCURRENCY = 1_000_000
# What a double holds exactly: Redis counts in them.
MAX_BUDGET = 2**53 - 1
_MOST_DIGITS = len(str(MAX_BUDGET))


class Metric(StrEnum):
    """What is counted."""

    REQUESTS = "requests"
    # Elements of the batch: the first dimension of the inputs.
    SAMPLES = "samples"
    # Of the bodies of request and answer.
    BYTES = "bytes"
    # From sending the request to Triton until its answer has ended.
    COMPUTE_MS = "compute_ms"


class Period(StrEnum):
    """A window of the calendar, in UTC."""

    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Concurrency:
    """At most so many requests in flight."""

    slots: int

    def __post_init__(self) -> None:
        if not 1 <= self.slots <= MAX_CONCURRENCY:
            raise InvalidInput(
                f"concurrency {shown(self.slots)} is not between 1 and {MAX_CONCURRENCY}; "
                "a usual one is 8"
            )

    def __str__(self) -> str:
        return f"{self.slots} in flight"


@dataclass(frozen=True, slots=True)
class Budget:
    """At most so many units in each day or month."""

    amount: int
    period: Period

    def __post_init__(self) -> None:
        if not 0 <= self.amount <= MAX_BUDGET:
            raise InvalidInput(f"budget {self.amount} is not between 0 and {MAX_BUDGET}")

    def __str__(self) -> str:
        return f"{self.amount}/{self.period}"


Measure = Rate | Concurrency | Budget


@dataclass(frozen=True, slots=True)
class Limit:
    """One bound; a request must stay within all that apply to it, and is charged to all."""

    # Counters hang on it: it outlives a change of the measure.
    id: str
    tenant: str
    # None: of all keys of the tenant together.
    principal: str | None
    # The models it is about, together; `*`: all.
    models: str
    metric: Metric
    measure: Measure

    def __post_init__(self) -> None:
        if isinstance(self.measure, Concurrency) and self.metric is not Metric.REQUESTS:
            raise InvalidInput(f"concurrency counts requests, not {self.metric}; leave it out")


def parse_budget(text: str) -> Budget:
    """`parse_budget("1000000/day")`; raises InvalidInput."""
    amount, _, period = text.partition("/")
    if not (amount.isascii() and amount.isdigit() and period in {*Period}):
        raise InvalidInput(
            f"budget {shown(text)} is not NUMBER/day or NUMBER/month; write 1000000/day"
        )
    # Python reads no number of thousands of digits.
    if len(amount.lstrip("0")) > _MOST_DIGITS:
        raise InvalidInput(f"budget {shown(text)} is not between 0 and {MAX_BUDGET}")
    return Budget(int(amount.lstrip("0") or "0"), Period(period))
