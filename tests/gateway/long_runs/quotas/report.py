"""A run as tables of plain text."""

from collections.abc import Iterator, Mapping
from statistics import median, quantiles

from tests.gateway.long_runs.quotas.judge import Verdict
from tests.gateway.long_runs.quotas.run import Costs, Seen

_HEAD = ("tenants", "", "sent", "admitted", "given", "above rate", "budget", "slots")
_WIDTHS = (22, 4, 8, 9, 8, 11, 8, 6)


def report(seen: Seen) -> Iterator[str]:
    """Line by line."""
    logs, plan = seen.logs, seen.plan
    yield (
        f"{len(plan.tenants)} tenants, {plan.gateways} gateways of {plan.workers} workers, "
        f"{plan.load_s:.0f} s, {seen.killed} workers killed"
    )
    yield _row(_HEAD)
    for verdict in seen.verdicts:
        yield _row(_cells(verdict))
    yield f"answers by the access logs: {_counts(logs.answers)}"
    lost = len(logs.admitted) - logs.by_access_log
    yield f"admitted: {len(logs.admitted):,}, {lost:,} of them by the upstream alone"
    yield f"answered with 200, but unknown to the upstream: {logs.unexplained}"
    later = quantiles(logs.later_us, n=100)
    yield (
        f"at the upstream later than by the access log: median {median(later) / 1000:.1f} ms, "
        f"99 % {later[98] / 1000:.1f} ms, from {min(logs.later_us) / 1000:.1f} "
        f"to {max(logs.later_us) / 1000:.1f} ms"
    )
    yield f"one busy key alone: {_costs(seen.alone, plan.alone_s)}"
    yield f"all together: {_costs(seen.together, plan.load_s)}"
    yield from _modes(seen)
    if seen.redis_away is not None:
        yield from _seconds(seen, *seen.redis_away)
    yield from (f"BROKEN {text}" for text in seen.broken)


def _cells(verdict: Verdict) -> tuple[str, ...]:
    share = verdict.given_share
    return (
        verdict.group,
        str(verdict.tenants),
        f"{verdict.sent:,}",
        f"{verdict.admitted:,}",
        "" if share is None else f"{share:.2%}",
        "" if verdict.above_rate is None else f"{verdict.above_rate:.2f}",
        "" if verdict.above_budget is None else str(verdict.above_budget),
        "" if verdict.above_slots is None else str(verdict.above_slots),
    )


def _row(cells: tuple[str, ...]) -> str:
    first, *others = zip(cells, _WIDTHS, strict=True)
    return f"{first[0]:<{first[1]}}" + "".join(f"{cell:>{width}}" for cell, width in others)


def _costs(costs: Costs, seconds: float) -> str:
    return (
        f"{costs.admitted:,} admitted ({costs.admitted / seconds:,.0f}/s), {costs.renewals:,} "
        f"renewals ({costs.renewals_per_100:.2f} per 100), {costs.commands:,} commands in all"
    )


def _modes(seen: Seen) -> Iterator[str]:
    if not seen.changes:
        yield "the limiter of every worker was exact all the time"
    for change in seen.changes:
        yield f"{change.at_s - seen.began_s:7.1f} s  a limiter is now: {change.mode}"


def _seconds(seen: Seen, ended_s: float, back_s: float) -> Iterator[str]:
    yield f"Redis ended at {ended_s:.1f} s and was back at {back_s:.1f} s; answers by second:"
    for second in range(max(int(ended_s) - 2, 0), min(int(back_s) + 8, len(seen.by_second))):
        yield f"{second:>5} s  {_counts(seen.by_second[second])}"


def _counts(counts: Mapping[int, int] | Mapping[str, int]) -> str:
    return ", ".join(f"{name}: {count:,}" for name, count in sorted(counts.items()))
