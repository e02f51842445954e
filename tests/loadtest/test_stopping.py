"""What keeps the lowest rate that does not hold from holding, on planted steps."""

from typing import Any

import msgspec
import pytest

from loadtest.results import Bottleneck, Breakdown, Step
from loadtest.stopping import Stop, what_stops
from tests.loadtest.some_steps import a_step, a_window

HELD = Breakdown(generator_ms=0.2, network_ms=0.7, gateway_ms=0.1, queue_ms=0.9, compute_ms=1.1)
# 4.1 ms more, of which 2.5 in the queue.
LONGER = Breakdown(generator_ms=0.3, network_ms=1.2, gateway_ms=0.1, queue_ms=3.4, compute_ms=2.1)


def split(parts: Breakdown | None, **changes: Any) -> Step:
    """A step whose rate was kept, of whose 20 core-seconds Triton had 15."""
    given = {
        "label": "200/s",
        "breakdown": parts,
        "bottleneck": Bottleneck.NONE,
        "machine_cpu": 0.91,
        "triton_cpu_s": 15.0,
    }
    return a_step(**(given | changes))


def stops(held: Step | None, failing: Step, why: str = "p99 34 ms, over 20 ms") -> Stop:
    return what_stops(held, failing, why=why, errors_allowed=0.001, cores=2)


def test_a_bottleneck_that_a_rule_names_is_what_stops_it() -> None:
    failing = split(LONGER, bottleneck=Bottleneck.COMPUTE, bottleneck_reason="96% of the time")
    assert stops(split(HELD), failing) == Stop("compute", "96% of the time")


def test_where_none_is_named_it_is_what_the_added_time_was_spent_on() -> None:
    assert stops(split(HELD, label="100/s"), split(LONGER)) == Stop(
        "queue",
        "61% of 4.10 ms added to the mean since 100/s: queue 2.50, compute 1.00, network 0.50, "
        "generator 0.10; 91% of 2 cores used, most by Triton",
    )


@pytest.mark.parametrize("part", ["generator", "network", "gateway", "queue", "compute"])
def test_each_part_can_be_it(part: str) -> None:
    longer = msgspec.structs.replace(HELD, **{f"{part}_ms": 5.0})
    assert stops(split(HELD), split(longer)).name == part


def test_what_became_less_is_in_no_share() -> None:
    other = msgspec.structs.replace(HELD, queue_ms=0.0, compute_ms=3.1)
    told = stops(split(HELD, label="100/s"), split(other))
    assert told.name == "compute"
    assert told.reason.startswith("100% of 1.10 ms added to the mean since 100/s: compute 2.00; ")


@pytest.mark.parametrize(
    ("held", "failing", "unknown"),
    [
        (HELD, None, "200/s"),
        (None, LONGER, "100/s"),
        (None, None, "100/s and 200/s"),
    ],
)
def test_without_a_breakdown_nothing_is_guessed(
    held: Breakdown | None, failing: Breakdown | None, unknown: str
) -> None:
    assert stops(split(held, label="100/s"), split(failing)) == Stop(
        "unknown",
        f"where time was spent at {unknown} is not known; 91% of 2 cores used, most by Triton",
    )


@pytest.mark.parametrize(("queue_ms", "added"), [(1.0, "+0.10"), (0.5, "-0.40")])
def test_a_mean_that_hardly_grew_tells_nothing_of_slow_answers(queue_ms: float, added: str) -> None:
    hardly = msgspec.structs.replace(HELD, queue_ms=queue_ms)
    told = stops(split(HELD, label="100/s"), split(hardly))
    assert told.name == "unknown"
    hardly_above = f"the mean is hardly above that at 100/s ({added} ms): few answers were slow"
    assert told.reason.startswith(hardly_above)


def test_where_no_rate_held_the_whole_mean_is_told() -> None:
    told = stops(None, split(LONGER))
    assert told.name == "queue"
    assert told.reason.startswith("48% of 7.10 ms of the mean, as no rate held to compare it with:")


def test_an_arrival_that_was_never_sent_is_no_failure_of_the_server() -> None:
    windows = [a_window(n, planned=110, missed=10) for n in range(10)]
    failing = split(LONGER, windows=windows, bottleneck=Bottleneck.UNKNOWN)
    assert stops(split(HELD), failing).name == "queue"


def test_limits_and_failures_are_told_as_what_they_are() -> None:
    one_in_twenty = [a_window(n, errors={"500": 5}) for n in range(10)]
    failing = split(LONGER, windows=one_in_twenty)
    assert stops(split(HELD), failing, "5 % failed") == Stop("errors", "5 % failed")
    failing = split(LONGER, windows=[a_window(0, limited=1)])
    assert stops(split(HELD), failing, "1 over a limit") == Stop("limiter", "1 over a limit")


def test_a_gateway_that_was_not_looked_at_is_told_to_be_within_the_network() -> None:
    notes = ["the gateway's part is not known: no address of its admin plane was given"]
    longer = msgspec.structs.replace(HELD, network_ms=4.7)
    told = stops(split(HELD), split(longer, notes=notes))
    assert "network 4.00 (with the gateway's part, which is not known); " in told.reason


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"machine_cpu": 0.0}, "how much of the cores was used is not known"),
        ({"triton_cpu_s": 2.0}, "91% of 2 cores used, most by other programs"),
        (
            {"triton_cpu_s": 0.0},
            "91% of 2 cores used, most by programs that are not seen, as Triton is not",
        ),
    ],
)
def test_whose_the_cores_were_is_told_as_far_as_it_is_seen(
    changes: dict[str, float], told: str
) -> None:
    assert stops(split(HELD), split(LONGER, **changes)).reason.endswith(f"; {told}")
