import pytest

from loadtest.plans.spike import SpikeOptions, spike
from tests.loadtest.queue_model import QueueModel


def test_the_time_to_recover_is_that_of_the_queue() -> None:
    # 2 s of 250 a second above the capacity leave 500 to do; 50 a second are free for them.
    options = SpikeOptions(rate=50, times=7, spike_s=2, after_s=40)
    outcome = spike(QueueModel(capacity=100).measure, options)
    assert outcome.answer["recovered"] == "yes"
    assert outcome.answer["recovery_s"] == pytest.approx(2 * (350 - 100) / 50, abs=1)
    assert outcome.answer["base_p99_ms"] == pytest.approx(10, rel=0.01)
    assert float(outcome.answer["spike_p99_ms"]) > 1000
    assert outcome.invalid == []


def test_who_does_not_notice_recovers_at_once() -> None:
    outcome = spike(QueueModel(capacity=1000).measure, SpikeOptions(rate=50))
    assert outcome.answer["recovery_s"] == 0


def test_who_never_recovers_is_told() -> None:
    model = QueueModel(capacity=100, service_s=lambda at_s: 0.01 if at_s < 13 else 0.018)
    outcome = spike(model.measure, SpikeOptions(rate=50, after_s=10))
    assert outcome.answer["recovered"] == "no" and "recovery_s" not in outcome.answer
    assert outcome.invalid == []


def test_who_is_well_for_three_seconds_only_has_not_recovered() -> None:
    # The spike ends at second 17; from 22 to 27 answers take three times as long again.
    model = QueueModel(capacity=1000, service_s=lambda at_s: 0.003 if 22 <= at_s < 27 else 0.001)
    answer = spike(model.measure, SpikeOptions(rate=50)).answer
    assert (answer["recovered"], answer["recovery_s"]) == ("yes", 10)
    assert answer["after_p99_ms"] == pytest.approx(3, rel=0.02)


def test_a_base_with_too_few_answers_is_noted() -> None:
    few = spike(QueueModel(capacity=1000).measure, SpikeOptions(rate=5)).answer
    enough = spike(QueueModel(capacity=1000).measure, SpikeOptions(rate=50)).answer
    assert str(few["note"]).startswith("the p99 before the spike rests on 50 answers")
    assert "note" not in enough


def test_who_answers_few_requests_fast_and_fails_the_rest_has_not_recovered() -> None:
    model = QueueModel(capacity=1000, errors=lambda at_s: 17 <= at_s < 27 and at_s % 1 > 0.2)
    answer = spike(model.measure, SpikeOptions(rate=50)).answer
    assert (answer["recovered"], answer["recovery_s"]) == ("yes", 10)


def test_limits_and_failures_are_told() -> None:
    model = QueueModel(capacity=1000, limit=100, errors=lambda at_s: 3 <= at_s < 4)
    answer = spike(model.measure, SpikeOptions(rate=50)).answer
    assert answer["limited"] == 5 * 150
    assert answer["failures"] == "50 times status 500"


def test_no_answer_before_the_spike_makes_it_invalid() -> None:
    model = QueueModel(capacity=100, errors=lambda at_s: at_s < 14)
    outcome = spike(model.measure, SpikeOptions(rate=50))
    assert outcome.invalid == ["there was no good answer before the spike"]
