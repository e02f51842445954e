"""Why figures must not be trusted."""

from typing import Any

import msgspec
import pytest

from loadtest.results import Step
from loadtest.validity import invalid_reasons
from tests.loadtest.some_steps import a_step, a_window, closed


def with_windows(**changes: Any) -> Step:
    return a_step(windows=[a_window(n, **changes) for n in range(10)])


def test_a_sound_step_has_no_reason_against_it() -> None:
    assert invalid_reasons(a_step()) == []


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (with_windows(generator_cpu=0.9), "the generator used 90% of a core"),
        (with_windows(answered=0), "there was no good answer"),
        (
            with_windows(answered=0, errors={"connection refused": 10, "timeout": 1}),
            "there was no good answer; 100 times: connection refused",
        ),
        (with_windows(limited=2), "20 answers were 429"),
        (with_windows(planned=100, missed=1), "10 of 1,000 arrivals were never sent"),
    ],
)
def test_what_spoils_a_step_is_told(step: Step, reason: str) -> None:
    (told,) = invalid_reasons(step)
    assert told.startswith(reason)


def test_limits_may_be_what_a_plan_is_about() -> None:
    assert invalid_reasons(with_windows(limited=2), limits_expected=True) == []


def test_one_missed_arrival_in_a_thousand_is_borne() -> None:
    windows = [a_window(n, missed=1 if n == 0 else 0) for n in range(10)]
    assert invalid_reasons(a_step(windows=windows)) == []


def test_a_generator_that_stopped_is_told() -> None:
    step = a_step()
    few = msgspec.structs.replace(step, windows=step.windows[:7])
    assert invalid_reasons(few) == [
        "of 10 seconds only 7 were measured: the generator stopped, or was stopped"
    ]


def test_a_step_needs_a_warm_up_unless_its_plan_says_otherwise() -> None:
    step = closed(a_step())
    cold = msgspec.structs.replace(step, load=msgspec.structs.replace(step.load, warmup_s=0.0))
    assert invalid_reasons(cold)[0].startswith("there was no warm-up")
    assert invalid_reasons(cold, warmup_needed=False) == []
