import random

import msgspec
import pytest

from loadtest.comparing import LEAST_BOUND, Comparison, Verdict, compare, verdict
from loadtest.errors import OptionError
from loadtest.histogram import FLOOR_US, GROWTH, merged
from loadtest.results import Load, Loop, Machine, Run, Step
from tests.loadtest.queue_model import QueueModel
from tests.loadtest.some_steps import a_step, a_window, all_of

MACHINE = Machine(
    cores=2, processor="x", memory_bytes=1, system="Linux", python="3.11", load_average=0
)


def a_run(service_s: float, *, seed: int = 1, noise: float = 0.02, users: int = 2) -> Run:
    rng = random.Random(seed)
    model = QueueModel(capacity=1, service_s=lambda at_s: service_s * max(0.1, rng.gauss(1, noise)))
    load = Load(loop=Loop.CLOSED, users=users, duration_s=15)
    model.measure(f"{users} users", load)
    return of(model.steps)


def of(steps: list[Step], **more: object) -> Run:
    return Run(
        plan="sweep",
        started_at="2026-11-01T00:00:00Z",
        commit="",
        options={},
        machine=MACHINE,
        triton={},
        models={},
        steps=steps,
        **more,  # type: ignore[arg-type]
    )


def verdicts(comparison: Comparison) -> dict[str, Verdict]:
    return {found.metric: found.verdict for found in comparison.differences}


def test_two_runs_of_the_same_are_the_same() -> None:
    found = compare(a_run(0.01), a_run(0.01, seed=2))
    assert set(verdicts(found).values()) == {Verdict.SAME}
    assert not found.regressed


def test_a_run_against_itself_has_the_ratio_one() -> None:
    run = a_run(0.01)
    assert {found.ratio for found in compare(run, run).differences} == {1.0}


def test_slower_is_worse() -> None:
    found = compare(a_run(0.01), a_run(0.012, seed=2))
    told = verdicts(found)
    assert told["throughput"] is told["p50_ms"] is Verdict.WORSE
    assert told["good_share"] is Verdict.SAME
    assert found.regressed
    (median,) = (one for one in found.differences if one.metric == "p50_ms")
    assert median.ratio == pytest.approx(1.2, rel=0.03)
    assert 1.15 < median.low <= median.ratio * 1.001 and median.high < 1.25


def test_faster_is_better_and_no_regression() -> None:
    found = compare(a_run(0.012), a_run(0.01, seed=2))
    assert verdicts(found)["throughput"] is Verdict.BETTER
    assert not found.regressed


def test_a_bound_that_is_wider_lets_it_pass() -> None:
    assert not compare(a_run(0.01), a_run(0.012, seed=2), bound=0.3).regressed


def next_to_one_another() -> tuple[Run, Run]:
    """Two runs of the same latency but for 2 us, between which the edge of a bucket lies."""
    edge_us = FLOOR_US * GROWTH**300
    before, after = (of([_even(us)]) for us in (edge_us - 1, edge_us + 1))
    return before, after


def _even(us: float) -> Step:
    # One answer that took longer: no percentile is above what was measured.
    service = merged([all_of(us / 1e3, 100), all_of(2 * us / 1e3, 1)])
    windows = [a_window(n, answered=101, service=service) for n in range(15)]
    return a_step(windows=windows, load=Load(loop=Loop.CLOSED, users=1, duration_s=15))


def test_the_least_bound_is_wider_than_a_bucket() -> None:
    found = compare(*next_to_one_another(), bound=LEAST_BOUND)
    (median,) = (one for one in found.differences if one.metric == "p50_ms")
    assert median.ratio == pytest.approx(GROWTH, rel=1e-6)
    assert median.verdict is Verdict.SAME


@pytest.mark.parametrize("bound", [0.0, 0.01, 0.0199])
def test_a_bound_that_is_finer_than_a_bucket_is_refused(bound: float) -> None:
    told = f"A bound of {bound * 100:g}% is finer than latencies are kept.* Give 2% or more"
    with pytest.raises(OptionError, match=told):
        compare(*next_to_one_another(), bound=bound)


def test_noise_that_explains_a_difference_makes_it_unclear() -> None:
    rng = random.Random(4)
    speeds = [rng.uniform(0.004, 0.03) for _ in range(60)]

    def moody(at_s: float) -> float:
        return speeds[int(at_s) % 60]

    runs = []
    for shift in (0, 31):
        model = QueueModel(capacity=1, service_s=lambda at_s, shift=shift: moody(at_s + shift))  # type: ignore[misc]
        model.measure("2 users", Load(loop=Loop.CLOSED, users=2, duration_s=15))
        runs.append(of(model.steps))
    found = compare(*runs)
    assert verdicts(found)["throughput"] is Verdict.UNCLEAR and not found.regressed


def test_a_small_part_of_failures_is_worse() -> None:
    model = QueueModel(capacity=1000, errors=lambda at_s: at_s % 1 < 0.02)
    load = Load(loop=Loop.OPEN, rate=100, duration_s=15)
    before = of([QueueModel(capacity=1000).measure("100/s", load)])
    found = compare(before, of([model.measure("100/s", load)]))
    assert verdicts(found)["good_share"] is Verdict.WORSE


def test_steps_are_matched_by_label_and_the_last_trial_counts() -> None:
    model = QueueModel(capacity=100)
    load = Load(loop=Loop.CLOSED, users=1, duration_s=9)
    slow = QueueModel(capacity=50)
    before = of([model.measure("1 user", load), model.measure("old", load)])
    after = of(
        [
            slow.measure("1 user", load),
            model.measure("1 user (trial 2)", load),
            model.measure("new", load),
        ]
    )
    found = compare(before, after)
    assert {one.step for one in found.differences} == {"1 user"}
    assert not found.regressed
    assert (found.only_before, found.only_after) == (["old"], ["new"])


def test_invalid_steps_are_left_out() -> None:
    good, bad = a_run(0.01), a_run(0.02)
    bad = msgspec.structs.replace(
        bad, steps=[msgspec.structs.replace(bad.steps[0], invalid=["no steady state"])]
    )
    found = compare(bad, good)
    assert found.differences == []
    assert found.notes == ["2 users is left out: it is invalid"]
    assert found.invalid == ["the runs have no valid step in common"]


def test_a_step_that_is_not_valid_any_more_is_not_passed_over() -> None:
    both = [*a_run(0.01).steps, *a_run(0.01, users=4).steps]
    lost = msgspec.structs.replace(both[1], invalid=["there was no good answer"])
    found = compare(of(both), of([both[0], lost]))
    assert {one.step for one in found.differences} == {"2 users"} and not found.regressed
    assert found.invalid == [
        "4 users was valid before and is not any more: there was no good answer"
    ]


def test_a_few_seconds_tell_nothing() -> None:
    load = Load(loop=Loop.CLOSED, users=1, duration_s=4)
    before, after = (of([QueueModel(capacity=n).measure("1 user", load)]) for n in (100, 50))
    assert set(verdicts(compare(before, after)).values()) == {Verdict.UNCLEAR}


def test_what_was_not_seen_differs_from_nothing() -> None:
    run = a_run(0.01)
    seen = msgspec.structs.replace(run, triton={"version": "2.51.0"})
    assert compare(run, seen).notes == []


def test_an_invalid_run_is_told() -> None:
    run = a_run(0.01)
    found = compare(run, msgspec.structs.replace(run, invalid=["generator"]), names=("A", "B"))
    assert found.invalid == ["B is invalid: generator"]


def test_other_machines_and_models_are_told() -> None:
    run = msgspec.structs.replace(a_run(0.01), models={"m": "1"})
    other = msgspec.structs.replace(
        run, models={"m": "2"}, machine=msgspec.structs.replace(MACHINE, cores=8)
    )
    assert compare(run, other).notes == [
        "cores differs: 2 and 8",
        "model m is not the same in both",
    ]


def of_batch(batch: str, **more: str) -> Run:
    traffic = {"url": "http://a", "batch": batch, "seed": "0"} | more
    return msgspec.structs.replace(a_run(0.01), traffic=traffic)


def test_other_traffic_is_told() -> None:
    found = compare(of_batch("1"), of_batch("32", url="http://b", seed="7"))
    assert found.notes == ["url differs: http://a and http://b", "batch differs: 1 and 32"]


def test_traffic_that_was_not_kept_is_unknown() -> None:
    found = compare(a_run(0.01), of_batch("1"), names=("old", "new"))
    assert found.notes == [
        "batch, models, transport and url of old are unknown: it was kept without"
    ]


def test_other_arrivals_are_told() -> None:
    even, by_chance = (
        of([a_step(load=Load(loop=Loop.OPEN, rate=100, duration_s=10, arrivals=kind))])
        for kind in ("constant", "poisson")
    )
    assert compare(even, by_chance).notes == ["arrivals differs: constant and poisson"]


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [
        (1.06, 1.5, Verdict.WORSE),
        (1.04, 1.5, Verdict.UNCLEAR),
        (0.97, 1.03, Verdict.SAME),
        (0.5, 0.9, Verdict.BETTER),
        (0.9, 1.0, Verdict.UNCLEAR),
    ],
)
def test_the_whole_interval_must_say_it(low: float, high: float, told: Verdict) -> None:
    assert verdict(low, high, 0.05, more_is_better=False) is told
