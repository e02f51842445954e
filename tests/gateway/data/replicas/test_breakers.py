"""A model that fails on one Triton."""

from gateway.data.replicas import breakers
from gateway.data.replicas.breakers import FAILURES_IN_A_ROW, FIRST_OPEN_S, Breakers


def opened(now_s: float = 0.0) -> Breakers:
    made = Breakers()
    for _ in range(FAILURES_IN_A_ROW):
        made.failed("m", now_s)
    assert made.is_open("m")
    return made


def test_failures_in_a_row_open_it_for_that_model_alone() -> None:
    made = Breakers()
    assert [made.failed("m", 0.0) for _ in range(FAILURES_IN_A_ROW)] == [False] * 4 + [True]
    assert made.is_open("m") and not made.is_open("other")
    assert made.open_models == 1


def test_a_success_between_failures_begins_the_row_anew() -> None:
    made = Breakers()
    for _ in range(3):
        made.failed("m", 0.0)
        made.failed("m", 0.0)
        assert made.succeeded("m") is False
    assert not made.is_open("m") and not made


def test_one_request_is_due_when_its_time_is_over() -> None:
    made = opened()
    assert made.due(FIRST_OPEN_S - 0.1) == []
    assert made.due(FIRST_OPEN_S) == ["m"]


def test_a_failed_trial_opens_it_for_longer() -> None:
    made = opened()
    assert made.failed("m", FIRST_OPEN_S) is False
    assert made.due(FIRST_OPEN_S + 1.9) == []
    assert made.due(FIRST_OPEN_S + 2.0) == ["m"]


def test_what_was_sent_before_it_opened_changes_nothing() -> None:
    made = opened()
    for _ in range(20):
        made.failed("m", 0.5)
    assert made.due(FIRST_OPEN_S) == ["m"]


def test_a_success_closes_it() -> None:
    made = opened()
    assert made.succeeded("m") is True
    assert not made.is_open("m") and made.due(100.0) == []


def test_models_that_have_failed_are_bounded() -> None:
    made = Breakers()
    for number in range(3 * breakers.MAX_MODELS):
        made.failed(str(number), 0.0)
    assert len(made._failures) <= breakers.MAX_MODELS
