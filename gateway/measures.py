"""Measures of limits as operators give them: one of rate, concurrency and budget."""

from gateway.errors import InvalidInput
from gateway.limits import Budget, Concurrency, Limit, Measure, parse_budget
from gateway.rates import Rate, parse_rate


def parse_measure(
    *,
    rate: str | None = None,
    burst: int | None = None,
    concurrency: int | None = None,
    budget: str | None = None,
) -> Measure:
    """`parse_measure(rate="100/s", burst=200)`; raises InvalidInput unless it is just one."""
    given = [measure for measure in (rate, concurrency, budget) if measure is not None]
    if len(given) != 1:
        raise InvalidInput(
            f"{len(given)} measures of one limit; give one of rate, concurrency and budget: "
            "100/s, 8, 1000000/day"
        )
    if concurrency is None and budget is None:
        parsed = parse_rate(rate, burst)
        assert parsed is not None  # a rate was given
        return parsed
    if burst is not None:
        raise InvalidInput(f"burst {burst} without a rate limits nothing; add a rate: 100/s")
    return Concurrency(concurrency) if concurrency is not None else parse_budget(str(budget))


def parse_change(
    known: Limit | None,
    *,
    rate: str | None = None,
    burst: int | None = None,
    concurrency: int | None = None,
    budget: str | None = None,
) -> Measure:
    """As `parse_measure`; with a rate alone, a burst that is not the known rate's number stays."""
    before = None if known is None else known.measure
    if rate is not None and burst is None and isinstance(before, Rate):
        burst = before.burst if before.burst != before.amount else None
    return parse_measure(rate=rate, burst=burst, concurrency=concurrency, budget=budget)


def kind_of(measure: Measure) -> str:
    """`"rate"`, `"concurrency"` or `"budget"`."""
    if isinstance(measure, Concurrency):
        return "concurrency"
    return "budget" if isinstance(measure, Budget) else "rate"
