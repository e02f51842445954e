"""One row of figures for each step: what every form of the report shows of it."""

import csv
import io
from dataclasses import asdict, dataclass

from loadtest.arrivals import is_even
from loadtest.bottleneck import busiest, generator_cpu
from loadtest.figures import (
    answered,
    errors,
    failed_share,
    first_event,
    latency,
    limited,
    missed,
    planned_rate,
    throughput,
)
from loadtest.histogram import count, mean_us, percentile_if_known
from loadtest.results import Histogram, Loop, Run, Step


@dataclass(frozen=True, kw_only=True)
class Row:
    """The figures of a step; a latency that too few samples know is None."""

    label: str
    loop: str
    arrivals: str  # of an open loop
    asked: float  # users, or requests a second: the mean of those that keep no one rate
    seconds: float
    per_second: float  # good answers
    answered: int
    errors: int
    limited: int
    missed: int
    error_share: float  # of what was sent; 429 is no error
    samples: int
    mean_ms: float
    p50_ms: float | None
    p90_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    p999_ms: float | None
    max_ms: float
    first_event_p50_ms: float | None  # of a stream, from the sending
    first_event_p99_ms: float | None
    generator_ms: float | None
    network_ms: float | None
    gateway_ms: float | None
    queue_ms: float | None
    compute_ms: float | None
    mean_batch: float | None  # of the model that was busiest
    busy_share: float
    generator_cpu: float
    triton_cores: float
    gateway_cores: float
    bottleneck: str
    invalid: str
    objective: str  # of a search: whether it was held here, missed, or could not be judged

    @property
    def objective_text(self) -> str:
        """The same without the figures that say so: `missed (p99)`."""
        return self.objective.partition(":")[0]

    @property
    def asked_text(self) -> str:
        """The load in words: `8 users`, `200/s`."""
        if self.loop == Loop.OPEN:
            return f"{'' if is_even(self.arrivals) else 'mean '}{self.asked:,.0f}/s"
        return f"{self.asked:.0f} user" + ("s" if self.asked != 1 else "")


def row_of(step: Step) -> Row:
    """The figures of one step."""
    histogram, first = latency(step), first_event(step)
    parts = step.breakdown
    name, busy = busiest(step)
    gateway_cpu_s = step.gateway.cpu_s if step.gateway else 0.0
    return Row(
        label=step.label,
        loop=step.load.loop.value,
        arrivals=step.load.arrivals if step.load.loop is Loop.OPEN else "",
        asked=_asked(step),
        seconds=step.seconds,
        per_second=throughput(step),
        answered=answered(step),
        errors=sum(errors(step).values()),
        limited=limited(step),
        missed=missed(step),
        error_share=failed_share(step),
        samples=count(histogram),
        mean_ms=mean_us(histogram) / 1e3,
        p50_ms=_ms(histogram, 0.5),
        p90_ms=_ms(histogram, 0.9),
        p95_ms=_ms(histogram, 0.95),
        p99_ms=_ms(histogram, 0.99),
        p999_ms=_ms(histogram, 0.999),
        max_ms=histogram.max_us / 1e3,
        first_event_p50_ms=_ms(first, 0.5),
        first_event_p99_ms=_ms(first, 0.99),
        generator_ms=parts.generator_ms if parts else None,
        network_ms=parts.network_ms if parts else None,
        gateway_ms=parts.gateway_ms if parts else None,
        queue_ms=parts.queue_ms if parts else None,
        compute_ms=parts.compute_ms if parts else None,
        mean_batch=step.models[name].mean_batch if name else None,
        busy_share=busy,
        generator_cpu=generator_cpu(step),
        triton_cores=step.triton_cpu_s / step.observed_s if step.observed_s else 0.0,
        gateway_cores=gateway_cpu_s / step.observed_s if step.observed_s else 0.0,
        bottleneck=step.bottleneck.value,
        invalid="; ".join(step.invalid),
        objective=step.objective,
    )


def _asked(step: Step) -> float:
    if step.load.loop is Loop.CLOSED:
        return step.load.users
    return step.load.rate if is_even(step.load.arrivals) else planned_rate(step)


def _ms(histogram: Histogram, quantile: float) -> float | None:
    us = percentile_if_known(histogram, quantile)
    return None if us is None else us / 1e3


def steps_csv(run: Run) -> str:
    """The rows as CSV with a heading; a figure that is not known is empty."""
    lines = io.StringIO()
    writer = csv.DictWriter(lines, list(Row.__dataclass_fields__), lineterminator="\n")
    writer.writeheader()
    for step in run.steps:
        writer.writerow({name: _short(value) for name, value in asdict(row_of(step)).items()})
    return lines.getvalue()


def _short(value: object) -> object:
    return round(value, 6) if isinstance(value, float) else value
