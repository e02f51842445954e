import pytest

from loadtest.plans.soak import SoakOptions, drift, soak
from tests.loadtest.queue_model import QueueModel

EVEN = SoakOptions(rate=50, duration_s=60)


def test_an_even_server_does_not_drift() -> None:
    model = QueueModel(capacity=100)
    outcome = soak(model.measure, EVEN, memory=lambda: {"triton": 100_000_000})
    assert outcome.invalid == outcome.missed == []
    assert outcome.answer["found"] == "no drift and no failure"
    assert "note" not in outcome.answer and "missed" not in outcome.answer
    assert outcome.answer["p50_drift"] == outcome.answer["memory_triton_drift"] == 0.0
    assert outcome.answer["memory_triton_mb"] == 100.0
    assert [step.label for step in model.steps][:2] == ["0:00 to 0:06", "0:06 to 0:12"]
    assert len(model.steps) == 10


def test_a_latency_that_grows_is_told() -> None:
    model = QueueModel(capacity=100, service_s=lambda at_s: 0.01 * (1 + at_s / 300))
    outcome = soak(model.measure, EVEN, memory=dict)
    assert 0.15 < float(outcome.answer["p50_drift"]) < 0.25
    assert "p50_drift +" in str(outcome.answer["found"])


@pytest.mark.parametrize(("growth_s", "missed"), [(600, False), (150, True)])
def test_a_latency_that_grows_by_more_than_a_fifth_misses_the_bound(
    growth_s: float, missed: bool
) -> None:
    model = QueueModel(capacity=100, service_s=lambda at_s: 0.01 * (1 + at_s / growth_s))
    outcome = soak(model.measure, EVEN, memory=dict)
    assert any("p99_drift +" in told for told in outcome.missed) is missed
    assert ("over +20%" in str(outcome.answer.get("missed"))) is missed
    assert outcome.invalid == []


def test_slices_with_too_few_answers_miss_no_bound() -> None:
    model = QueueModel(capacity=100, service_s=lambda at_s: 0.01 * (1 + at_s / 60))
    outcome = soak(model.measure, SoakOptions(rate=2, duration_s=60), memory=dict)
    assert outcome.missed == []
    assert "too few samples to tell: 12 in a slice, 200 are needed" in str(outcome.answer["found"])


def test_slices_that_compare_cannot_use_are_noted() -> None:
    outcome = soak(
        QueueModel(capacity=100).measure, SoakOptions(rate=50, duration_s=30), memory=dict
    )
    assert str(outcome.answer["note"]).startswith("slices of 3 s are too short to be compared")


def test_a_memory_that_grows_is_told() -> None:
    sizes = iter(range(100, 200, 5))
    outcome = soak(QueueModel(capacity=100).measure, EVEN, memory=lambda: {"gateway": next(sizes)})
    assert "memory_gateway_drift +36.7%" in str(outcome.answer["found"])
    assert outcome.missed == ["memory_gateway_drift +36.7%, over +20%"]


def test_a_process_that_is_not_seen_all_the_time_has_no_drift() -> None:
    samples = iter([{"gateway": 5}] + [{}] * 20)
    outcome = soak(QueueModel(capacity=100).measure, EVEN, memory=lambda: dict(next(samples)))
    assert "memory_gateway_drift" not in outcome.answer


def test_failures_are_told() -> None:
    model = QueueModel(capacity=100, errors=lambda at_s: 30 <= at_s < 31)
    outcome = soak(model.measure, EVEN, memory=dict)
    assert "1.67 % of 3,000 requests failed: 50 times status 500" in str(outcome.answer["found"])
    assert outcome.missed == ["1.67% of the requests failed or were never sent, over 0.1%"]


def test_no_answer_at_all_is_invalid() -> None:
    model = QueueModel(capacity=100, errors=lambda at_s: True)
    outcome = soak(model.measure, EVEN, memory=dict)
    assert (outcome.answer, outcome.invalid) == ({}, ["there was no good answer"])


def test_users_make_it_a_closed_loop() -> None:
    model = QueueModel(capacity=100)
    outcome = soak(model.measure, SoakOptions(users=2, duration_s=9), memory=dict)
    assert outcome.answer["answers_per_second"] == pytest.approx(100, rel=0.03)
    assert len(model.steps) == 3


def test_p99_9_is_told_where_there_are_samples_enough() -> None:
    few = soak(QueueModel(capacity=1000).measure, EVEN, memory=dict)
    many = soak(
        QueueModel(capacity=1000).measure, SoakOptions(rate=200, duration_s=60), memory=dict
    )
    assert "p99_9_ms" not in few.answer
    assert many.answer["p99_9_ms"] == pytest.approx(1, rel=0.01)


def test_the_drift_is_that_of_most_values() -> None:
    assert drift([10, 11, 12, 13, 14]) == pytest.approx(4 / 12)
    assert drift([10, 10, 90, 10, 10]) == 0
    assert drift([5]) == 0
