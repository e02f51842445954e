"""When a Triton is left out, for how long, and how it comes back."""

import pytest

from gateway.data.replicas import ejection
from gateway.data.replicas.ejection import Standing, State, may_eject


def test_a_few_broken_requests_in_a_row_are_too_many() -> None:
    standing = Standing()
    assert [standing.broke() for _ in range(ejection.BROKEN_IN_A_ROW)] == [False, False, True]


def test_one_missed_question_is_none() -> None:
    standing = Standing()
    assert [standing.missed_question(), standing.missed_question()] == [False, True]


def test_who_is_ejected_is_probed_after_a_while_and_returns_slowly() -> None:
    standing = Standing()
    standing.eject(100.0)
    assert not standing.is_usable
    standing.pass_time(100.9)
    assert standing.state is State.EJECTED
    standing.pass_time(101.0)
    assert standing.state is State.PROBING and not standing.is_usable
    standing.take_back(105.0)
    assert standing.is_usable
    assert standing.share(105.0) == ejection.FIRST_SHARE
    assert standing.share(110.0) == pytest.approx(0.5)
    assert standing.pass_time(110.0)
    assert standing.state is State.RETURNING
    assert standing.pass_time(115.0)
    assert standing.state is State.HEALTHY and standing.share(115.0) == 1.0


def test_who_fails_again_and_again_is_left_out_longer_each_time() -> None:
    standing, now_s, left_out_s = Standing(), 0.0, []
    for _ in range(7):
        standing.eject(now_s)
        began_s = now_s
        while standing.state is State.EJECTED:
            now_s += 0.5
            standing.pass_time(now_s)
        left_out_s.append(now_s - began_s)
        standing.take_back(now_s)
    assert left_out_s == [1, 2, 4, 8, 16, 30, 30]


def test_after_long_health_the_past_is_forgotten() -> None:
    standing = Standing()
    for _ in range(4):
        standing.eject(0.0)
        standing.take_back(0.0)
    standing.pass_time(ejection.RETURN_S)
    standing.pass_time(ejection.FORGET_S)
    standing.eject(100.0)
    standing.pass_time(101.0)
    assert standing.state is State.PROBING


@pytest.mark.parametrize(
    ("ejected", "total", "may"), [(0, 2, True), (1, 2, False), (0, 1, False), (31, 64, True)]
)
def test_broken_requests_leave_at_least_half_in_use(ejected: int, total: int, may: bool) -> None:
    assert may_eject(ejected, total) is may
