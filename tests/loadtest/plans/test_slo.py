from collections.abc import Callable

import msgspec
import pytest

from loadtest import figures
from loadtest.errors import OptionError
from loadtest.histogram import mean_us
from loadtest.plans.slo import SloOptions, slo
from loadtest.results import Bottleneck, Breakdown, Load, Step
from tests.loadtest.queue_model import QueueModel


def even(p99_ms: float = 20.0, **more: float) -> SloOptions:
    return SloOptions(p99_ms=p99_ms, arrivals="constant", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("capacity", [90, 250, 800])
def test_a_known_capacity_is_found_within_five_percent(capacity: float) -> None:
    outcome = slo(QueueModel(capacity=capacity).measure, even())
    rate = outcome.answer["rate"]
    assert isinstance(rate, float)
    assert capacity / 1.05 <= rate <= capacity * 1.001
    assert outcome.answer["p99_ms"] <= 20  # type: ignore[operator]
    assert outcome.invalid == []


def test_poisson_arrivals_wait_below_the_capacity() -> None:
    # M/D/1 with a service of 5 ms: 1 % wait for more than three services at 40 % of the capacity.
    outcome = slo(QueueModel(capacity=200).measure, SloOptions(p99_ms=20, window_s=20))
    assert 70 <= float(outcome.answer["rate"]) <= 90


def test_it_says_what_stopped_it() -> None:
    answer = slo(QueueModel(capacity=100).measure, even()).answer
    assert answer["objective"] == "p99 20 ms, errors 0.001"
    assert "p99" in str(answer["stopped_by"]) and "over 20 ms" in str(answer["stopped_by"])
    assert 100 < float(answer["stopped_at"]) < 106
    assert answer["bottleneck"] == Bottleneck.COMPUTE


def kept(capacity: float, part: str) -> Callable[[str, Load], Step]:
    """A server at whose end no rule sees anything; all beyond 1 ms of computing is one part."""
    model = QueueModel(capacity=capacity)

    def measure(label: str, load: Load) -> Step:
        step = model.measure(label, load)
        parts = Breakdown(generator_ms=0, network_ms=0, gateway_ms=0, queue_ms=0, compute_ms=1)
        rest_ms = mean_us(figures.latency(step)) / 1e3 - 1
        parts = msgspec.structs.replace(parts, **{f"{part}_ms": rest_ms})
        return msgspec.structs.replace(step, bottleneck=Bottleneck.NONE, breakdown=parts)

    return measure


def test_what_stops_it_is_seen_at_the_rate_that_does_not_hold() -> None:
    outcome = slo(kept(100, "queue"), even())
    assert outcome.answer["bottleneck"] == "queue"
    reason = str(outcome.answer["bottleneck_reason"])
    assert reason.startswith("100% of ") and " ms added to the mean since 9" in reason
    assert outcome.invalid == []


def test_a_search_that_ends_at_late_sending_learns_nothing_of_the_server() -> None:
    outcome = slo(kept(100, "generator"), even())
    assert "rate" not in outcome.answer and float(outcome.answer["at_least"]) > 90
    assert (
        "the largest part of the added time passed before requests were sent" in outcome.invalid[0]
    )


def test_every_candidate_is_warmed_up_and_held_for_three_windows() -> None:
    model = QueueModel(capacity=100)
    slo(model.measure, even(window_s=7))
    assert {(step.load.warmup_s, step.load.duration_s) for step in model.steps} == {(2, 21)}


def test_one_hiccup_is_not_the_capacity() -> None:
    # 0.3 s in the second candidate.
    model = QueueModel(
        capacity=100, service_s=lambda at_s: 0.3 if 25.00 <= at_s < 25.04 else 0.0099
    )
    outcome = slo(model.measure, even())
    assert [step.label for step in model.steps[:4]] == [
        "20/s",
        "40/s",
        "40/s (trial 2)",
        "80/s",
    ]
    assert float(outcome.answer["rate"]) > 95


def test_what_falls_behind_is_not_tried_again() -> None:
    model = QueueModel(capacity=100, limit=1e9)
    model_steps = slo_steps(model, even(most=160))
    assert model_steps.count("160/s") == 1 and "160/s (trial 2)" not in model_steps


def slo_steps(model: QueueModel, options: SloOptions) -> list[str]:
    slo(model.measure, options)
    return [step.label for step in model.steps]


def test_errors_beyond_the_objective_do_not_hold() -> None:
    model = QueueModel(capacity=1000, errors=lambda at_s: at_s % 1 < 0.05)
    outcome = slo(model.measure, even())
    assert outcome.answer["rate"] == 0.0
    assert "% of" in str(outcome.answer["stopped_by"])
    assert "times status 500" in str(outcome.answer["stopped_by"])
    assert outcome.answer["bottleneck"] == "errors"


def test_errors_within_the_objective_hold() -> None:
    model = QueueModel(capacity=100, errors=lambda at_s: at_s % 1 < 0.02)
    assert float(slo(model.measure, even(errors=0.1)).answer["rate"]) > 95


def test_a_limit_stops_it() -> None:
    outcome = slo(QueueModel(capacity=1000, limit=60).measure, even())
    assert 57 < float(outcome.answer["rate"]) < 62
    assert "over a limit (429)" in str(outcome.answer["stopped_by"])
    assert outcome.answer["bottleneck"] == "limiter"


def test_the_highest_rate_may_hold() -> None:
    answer = slo(QueueModel(capacity=1000).measure, even(most=100)).answer
    assert answer["rate"] == 100
    assert answer["stopped_by"] == "nothing: the highest rate that was to be tried holds"


def test_a_generator_at_its_end_makes_the_answer_invalid() -> None:
    model = QueueModel(capacity=10_000)

    def measure(label: str, load: Load) -> Step:
        step = model.measure(label, load)
        if load.rate < 500:
            return step
        return msgspec.structs.replace(
            step, bottleneck=Bottleneck.GENERATOR, invalid=["the generator used 97% of a core"]
        )

    outcome = slo(measure, even())
    assert "the generator was at its end at" in outcome.invalid[0]
    assert "more processes" in outcome.invalid[0]
    assert "97% of a core" in str(outcome.answer["stopped_by"])


def test_no_answer_at_all_is_told_and_is_no_capacity() -> None:
    outcome = slo(QueueModel(capacity=1000, errors=lambda at_s: True).measure, even())
    assert "no good answer; " in str(outcome.answer["stopped_by"])
    assert "could not be judged: no good answer" in outcome.invalid[0]
    assert outcome.invalid[0].endswith(". No rate is known to hold")


def test_a_step_that_must_not_be_trusted_is_tried_again() -> None:
    reasons = iter([["the clock jumped by +1.0 s"]])
    model = QueueModel(
        capacity=100, invalid=lambda load: next(reasons, []) if load.rate == 40 else []
    )
    outcome = slo(model.measure, even())
    assert [step.label for step in model.steps[1:4]] == ["40/s", "40/s (trial 2)", "80/s"]
    assert float(outcome.answer["rate"]) > 95 and outcome.invalid == []


def moody(at_s: float) -> float:
    """Each second takes longer than the one before, far below the objective."""
    return 0.001 * (1 + at_s % 17)


def test_a_server_that_never_is_steady_has_no_capacity() -> None:
    model = QueueModel(capacity=1000, service_s=moody)
    outcome = slo(model.measure, even(p99_ms=40, most=20))
    assert "rate" not in outcome.answer and "at_least" not in outcome.answer
    assert "could not be judged: no steady state" in outcome.invalid[0]
    assert outcome.invalid[0].endswith(". No rate is known to hold")


def test_a_median_that_moves_by_less_than_a_tenth_of_the_objective_holds_it() -> None:
    model = QueueModel(capacity=1000, service_s=moody)
    outcome = slo(model.measure, even(p99_ms=400, most=20))
    assert outcome.answer["rate"] == 20 and outcome.invalid == []


def test_a_search_that_ends_at_what_cannot_be_trusted_is_invalid() -> None:
    model = QueueModel(
        capacity=100, invalid=lambda load: ["Triton was restarted"] if load.rate >= 40 else []
    )
    outcome = slo(model.measure, even())
    assert "rate" not in outcome.answer
    assert 20 <= float(outcome.answer["at_least"]) < 40
    assert "could not be judged: Triton was restarted. At least 3" in outcome.invalid[0]
    assert "what is above could not be judged" in outcome.invalid[0]


def test_a_machine_that_others_used_does_not_pass_for_the_capacity() -> None:
    # From 80/s on other programs have the cores, and answers are slow because of them.
    quiet, noisy = QueueModel(capacity=1000), QueueModel(capacity=30)

    def measure(label: str, load: Load) -> Step:
        step = (noisy if load.rate >= 80 else quiet).measure(label, load)
        machine_cpu = 1.0 if load.rate >= 80 else 0.3
        return msgspec.structs.replace(
            step, triton_cpu_s=0.1, observed_s=15.0, machine_cpu=machine_cpu
        )

    outcome = slo(measure, even())
    assert "rate" not in outcome.answer
    assert 76 < float(outcome.answer["at_least"]) < 80
    assert "100% used, most by other programs" in outcome.invalid[0]


def test_a_step_that_could_not_be_judged_does_not_end_a_search_that_goes_on_below_it() -> None:
    model = QueueModel(
        capacity=100, invalid=lambda load: ["the clock jumped"] if load.rate > 150 else []
    )
    outcome = slo(model.measure, even())
    assert outcome.invalid == []
    assert 95 < float(outcome.answer["rate"]) <= 100


def test_every_step_tells_what_it_says_of_the_objective() -> None:
    model = QueueModel(
        capacity=100, invalid=lambda load: ["the clock jumped"] if load.rate == 160 else []
    )
    told = slo(model.measure, even()).objective
    assert set(told) == {step.label for step in model.steps}
    assert told["80/s"] == "held"
    assert told["160/s"] == told["160/s (trial 3)"] == "not judged: the clock jumped"
    assert told["113.1/s"].startswith("missed (p99): p99 ")


def test_an_objective_out_of_reach_ends_where_a_p99_would_rest_on_too_few_answers() -> None:
    model = QueueModel(capacity=100)
    outcome = slo(model.measure, even(p99_ms=5))
    rates = list(dict.fromkeys(step.load.rate for step in model.steps))
    assert rates == [20, 10, pytest.approx(100 / 15)]
    assert outcome.answer["rate"] == 0.0 and outcome.invalid == []
    assert outcome.missed == [f"no rate holds {outcome.answer['objective']}"]
    assert "At 6.667/s p50 is 9.93 ms" in str(outcome.answer["stopped_by"])
    assert "and the objective p99 5 ms" in str(outcome.answer["stopped_by"])


def test_a_first_rate_with_too_few_answers_is_refused() -> None:
    with pytest.raises(OptionError, match=r"At 4/s there are 60 requests .* Begin at 7/s or more"):
        even(start=4)
