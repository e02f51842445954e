"""Differences of the gateway's metrics, recorded from a real one."""

from pathlib import Path

import httpx2
import pytest

from loadtest.errors import MeasuringError
from loadtest.gateway_metrics import GatewayTotals, gateway_between, look_at_gateway, read_totals

RECORDED = Path(__file__).parent / "recorded"


def recorded(number: int) -> GatewayTotals:
    return read_totals((RECORDED / f"metrics_{number}.txt").read_text())


def test_what_was_counted_between_two_looks_is_told() -> None:
    counts, reasons = gateway_between(recorded(1), recorded(2), cpu_s=0.5, workers=1)
    assert reasons == []
    assert counts.requests == {"200": 1011}
    assert counts.decisions == {"admitted": 1011}
    assert counts.overhead_count == counts.duration_count == 1011
    assert counts.overhead_s == pytest.approx(0.0905, abs=0.0001)
    assert counts.duration_s == pytest.approx(2.7156, abs=0.0001)
    assert (counts.cpu_s, counts.workers, counts.limiter_mode) == (0.5, 1, 0)


def test_counters_that_went_back_are_a_reason_and_never_negative() -> None:
    counts, reasons = gateway_between(recorded(2), recorded(1))
    assert counts.requests["200"] == 15628
    assert counts.overhead_s > 0
    assert reasons == ["the gateway's counters began anew: all of it was restarted"]


def test_the_worse_mode_of_the_limiter_is_told() -> None:
    counts, _ = gateway_between(GatewayTotals(limiter_mode=1), GatewayTotals())
    assert counts.limiter_mode == 1


@pytest.mark.parametrize(
    "answer",
    [httpx2.Response(404), httpx2.Response(200, text="up 1\n"), httpx2.Response(200, text="{")],
)
def test_what_is_no_gateway_is_one_error(answer: httpx2.Response) -> None:
    client = httpx2.Client(transport=httpx2.MockTransport(lambda request: answer))
    with pytest.raises(MeasuringError, match="http://admin/metrics was not answered"):
        look_at_gateway(client, "http://admin")
