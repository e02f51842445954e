"""What anybody can cause is logged once a minute."""

import pytest

from gateway.data.tokens import sparse_log
from gateway.data.tokens.sparse_log import EVERY_S, SparseLog
from tests.gateway.helpers import Clock


def test_a_thing_is_due_once_a_minute_and_others_beside_it() -> None:
    clock = Clock()
    sparse = SparseLog(clock.seconds)
    assert [sparse.is_due("a"), sparse.is_due("a"), sparse.is_due("b")] == [True, False, True]
    clock.now_s += EVERY_S - 1
    assert not sparse.is_due("a")
    clock.now_s += 1
    assert sparse.is_due("a")


def test_the_things_that_are_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sparse_log, "MAX_KNOWN", 2)
    sparse = SparseLog(Clock().seconds)
    assert [sparse.is_due(thing) for thing in "abca"] == [True] * 4
