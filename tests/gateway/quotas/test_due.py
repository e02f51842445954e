"""What the store is asked for first."""

from gateway.limits import Budget, Period
from gateway.quotas.due import Due
from gateway.quotas.holding import Holding
from tests.gateway.quotas.asks import limit_of


def holding() -> Holding:
    return Holding(limit_of(Budget(1, Period.DAY)))


def test_what_is_due_at_once_goes_before_what_was_there() -> None:
    due, later, at_once = Due(), [holding(), holding()], holding()
    for one in later:
        due.add_later(one)
    assert due.add(at_once)
    assert due.take(2) == [at_once, later[0]]
    assert not due.is_urgent
    assert due.take(2) == [later[1]]
    assert not due


def test_what_is_due_later_is_urgent_once_its_beat_has_come_until_it_is_taken() -> None:
    due = Due()
    for one in (holding(), holding()):
        due.add_later(one)
    assert due and not due.is_urgent
    due.beat()
    assert due.is_urgent
    due.take(1)
    assert due.is_urgent
    due.take(1)
    assert not due.is_urgent


def test_nothing_is_due_twice() -> None:
    due, one, other = Due(), holding(), holding()
    due.add_later(one)
    assert due.add(one)
    assert not due.add(one)
    due.add_later(one)
    due.add_later(other)
    due.add_all([one, other])
    assert due.any() is one
    assert due.take(10) == [one, other]
    assert not due
