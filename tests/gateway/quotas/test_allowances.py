"""Which limits a request draws on."""

import gc

import pytest

from gateway.limits import Budget, Limit, Metric, Period
from gateway.quotas import allowances
from gateway.quotas.allowances import Allowances

DAY = Limit("day", "acme", "key_1", "mnist_*", Metric.REQUESTS, Budget(10, Period.DAY))
ALL = Limit("all", "acme", None, "*", Metric.REQUESTS, Budget(10, Period.DAY))


def test_those_whose_pattern_covers_the_model() -> None:
    limits = (DAY, ALL)
    known = Allowances()
    names = [
        [holding.limit.id for holding in known.get("key_1", limits, model).holdings]
        for model in ("mnist_1", "resnet")
    ]
    assert names == [["day", "all"], ["all"]]


def test_the_same_limits_are_looked_into_once() -> None:
    limits = (DAY, ALL)
    known = Allowances()
    assert known.get("key_1", limits, "mnist_1") is known.get("key_1", limits, "mnist_1")


def test_keys_of_a_tenant_and_models_of_a_pattern_share_a_holding() -> None:
    known = Allowances()
    one = known.get("key_1", (DAY, ALL), "mnist_1")
    other = known.get("key_1", (DAY, ALL), "mnist_2")
    third = known.get("key_2", (ALL,), "mnist_2")
    assert one.holdings == other.holdings
    assert third.holdings[0] is one.holdings[1]


def test_a_change_of_the_measure_reaches_the_same_holding() -> None:
    known = Allowances()
    before = known.get("key_1", (ALL,), "mnist")
    changed = Limit("all", "acme", None, "*", Metric.REQUESTS, Budget(99, Period.DAY))
    after = known.get("key_1", (changed,), "mnist")
    assert after.holdings[0] is before.holdings[0]
    assert after.holdings[0].capacity == 99


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allowances, "MAX_ALLOWANCES", 10)
    known = Allowances()
    for number in range(100):
        id_ = f"key_{number}"
        known.get(id_, (Limit(id_, "acme", id_, "*", Metric.REQUESTS, DAY.measure),), "mnist")
    gc.collect()
    assert len(known._allowances) == len(known._holdings) == 10


def test_names_that_no_model_can_have_are_not_remembered() -> None:
    limits = (DAY, ALL)
    known = Allowances()
    name = "mnist_" + "x" * 250
    first = known.get("key_1", limits, name)
    again = known.get("key_1", limits, name)
    assert first is not again
    assert first.holdings == again.holdings
