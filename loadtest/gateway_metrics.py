"""What the gateway counts at `/metrics` of its admin plane, and the differences of two looks.

Workers hand over what they counted once a second, so counts lag behind by as much; means of
histograms do not suffer from it.
"""

from collections import defaultdict
from dataclasses import dataclass, field

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from loadtest.errors import MeasuringError
from loadtest.results import GatewayCounts

_DURATION = "conch_request_duration_seconds"
_OVERHEAD = "conch_gateway_overhead_seconds"


@dataclass(frozen=True)
class GatewayTotals:
    """Counts since the gateway was started."""

    requests: dict[str, float] = field(default_factory=dict)
    decisions: dict[str, float] = field(default_factory=dict)
    # Sum and count of the histograms.
    duration: tuple[float, float] = (0.0, 0.0)
    overhead: tuple[float, float] = (0.0, 0.0)
    limiter_mode: int = 0


def look_at_gateway(client: httpx2.Client, admin_url: str) -> GatewayTotals:
    """The totals now. Raises MeasuringError where the admin plane does not answer."""
    url = f"{admin_url}/metrics"
    try:
        answer = client.get(url)
        answer.raise_for_status()
        return read_totals(answer.text)
    except (httpx2.HTTPError, ValueError) as error:
        raise MeasuringError(f"{url} was not answered: {error}") from error


def read_totals(text: str) -> GatewayTotals:
    """Read the text format; series of several models, tenants and workers add up."""
    sums: dict[str, float] = defaultdict(float)
    requests: dict[str, float] = defaultdict(float)
    decisions: dict[str, float] = defaultdict(float)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            sums[sample.name] += sample.value
            if sample.name == "conch_requests_total":
                requests[sample.labels["status"]] += sample.value
            elif sample.name == "conch_limiter_decisions_total":
                decisions[sample.labels["outcome"]] += sample.value
    if "conch_requests_in_flight" not in sums:
        raise ValueError("there is no conch_requests_in_flight in it")
    return GatewayTotals(
        requests=dict(requests),
        decisions=dict(decisions),
        duration=(sums[f"{_DURATION}_sum"], sums[f"{_DURATION}_count"]),
        overhead=(sums[f"{_OVERHEAD}_sum"], sums[f"{_OVERHEAD}_count"]),
        limiter_mode=round(sums["conch_limiter_mode"]),
    )


def gateway_between(
    before: GatewayTotals, after: GatewayTotals, *, cpu_s: float = 0.0, workers: int = 0
) -> tuple[GatewayCounts, list[str]]:
    """What was counted between two looks, and the reasons why that must not be trusted."""
    reasons = []
    if _went_back(before, after):
        reasons.append("the gateway's counters began anew: all of it was restarted")
        before = GatewayTotals()
    return GatewayCounts(
        requests=_less(after.requests, before.requests),
        decisions=_less(after.decisions, before.decisions),
        duration_s=after.duration[0] - before.duration[0],
        duration_count=round(after.duration[1] - before.duration[1]),
        overhead_s=after.overhead[0] - before.overhead[0],
        overhead_count=round(after.overhead[1] - before.overhead[1]),
        cpu_s=cpu_s,
        workers=workers,
        limiter_mode=max(before.limiter_mode, after.limiter_mode),
    ), reasons


def _went_back(before: GatewayTotals, after: GatewayTotals) -> bool:
    return (
        any(after.requests.get(status, 0.0) < number for status, number in before.requests.items())
        or after.duration[1] < before.duration[1]
        or after.overhead[1] < before.overhead[1]
    )


def _less(after: dict[str, float], before: dict[str, float]) -> dict[str, int]:
    less = {name: round(number - before.get(name, 0.0)) for name, number in after.items()}
    return {name: number for name, number in sorted(less.items()) if number}
