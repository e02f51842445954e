"""A step as it comes out of what was measured and observed."""

import os

from loadtest.judging import judged_step
from loadtest.observing import Observed
from loadtest.results import Bottleneck, Load, Loop
from tests.loadtest.some_steps import a_window, some_counts

LOAD = Load(loop=Loop.OPEN, rate=100, duration_s=10, warmup_s=2)
WINDOWS = [a_window(n, warmup=n < 2) for n in range(12)]


def observed(**changes: object) -> Observed:
    given = {"seconds": 10.0, "models": {"digits": some_counts(1000, busy_ms=9500)}} | changes
    return Observed(**given)  # type: ignore[arg-type]


def test_a_step_tells_where_its_time_went_and_what_stopped_it() -> None:
    step = judged_step("100/s", LOAD, WINDOWS, observed())
    assert step.seconds == 10
    assert step.breakdown is not None
    assert step.bottleneck is Bottleneck.COMPUTE
    assert step.invalid == []


def test_what_the_looks_at_the_servers_hold_against_it_spoils_it() -> None:
    step = judged_step("100/s", LOAD, WINDOWS, observed(reasons=["Triton was restarted"]))
    assert step.invalid == ["Triton was restarted"]
    assert step.breakdown is None


def test_seconds_after_the_load_are_not_counted() -> None:
    late = a_window(12, answered=3, planned=0, sent=0)
    assert judged_step("100/s", LOAD, [*WINDOWS, late], observed()).seconds == 10


def test_other_clients_of_the_same_model_are_noted() -> None:
    step = judged_step(
        "100/s", LOAD, WINDOWS, observed(models={"digits": some_counts(3000, busy_ms=100)})
    )
    assert step.notes[0].startswith("Triton answered 3,000 requests and 1,000 were ours")


def test_what_timed_out_here_and_was_computed_all_the_same_is_of_no_other_client() -> None:
    windows = [a_window(n, warmup=n < 2, errors={"timeout": 100}) for n in range(12)]
    step = judged_step(
        "200/s", LOAD, windows, observed(models={"digits": some_counts(2200, busy_ms=100)})
    )
    assert step.notes == []


def test_all_processes_of_the_generator_are_ours() -> None:
    windows = [a_window(n, warmup=n < 2, generator_cpu=0.5, generator_cores=1.0) for n in range(12)]
    step = judged_step("100/s", LOAD, windows, observed(machine_cpu=1.2 / (os.cpu_count() or 1)))
    assert step.notes == []


def test_a_generator_that_the_cores_went_to_spoils_it() -> None:
    cores = float(os.cpu_count() or 1)
    windows = [
        a_window(n, warmup=n < 2, generator_cpu=0.8, generator_cores=cores * 0.9) for n in range(12)
    ]
    idle = observed(machine_cpu=1.0, models={"digits": some_counts(1000, busy_ms=100)})
    step = judged_step("100/s", LOAD, windows, idle)
    assert step.bottleneck is Bottleneck.GENERATOR
    assert step.invalid[0].startswith("the generator was what the cores went to")


def test_requests_that_went_out_late_are_noted() -> None:
    windows = [a_window(n, warmup=n < 2, service_ms=5.0, corrected_ms=6.0) for n in range(12)]
    (note,) = judged_step("100/s", LOAD, windows, observed()).notes
    assert note.startswith("requests were sent late, by more than 10% of the mean latency")


def test_other_programs_on_the_machine_are_noted() -> None:
    step = judged_step("100/s", LOAD, WINDOWS, observed(machine_cpu=0.9, triton_cpu_s=1.0))
    assert step.notes[0].startswith("other programs used more than 25% of this machine's cores")
