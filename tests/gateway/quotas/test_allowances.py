"""Which limits a request draws on."""

import gc

from gateway.limits import Budget, Limit, Metric, Period
from gateway.quotas.allowances import Allowances

DAY = Limit("day", "acme", "key_1", "mnist_*", Metric.REQUESTS, Budget(10, Period.DAY))
ALL = Limit("all", "acme", None, "*", Metric.REQUESTS, Budget(10, Period.DAY))


def test_those_whose_pattern_covers_the_model() -> None:
    limits = (DAY, ALL)
    known = Allowances()
    names = [
        [holding.limit.id for holding in known.of(limits, model).holdings]
        for model in ("mnist_1", "resnet")
    ]
    assert names == [["day", "all"], ["all"]]


def test_keys_of_a_tenant_and_models_of_a_pattern_share_a_holding() -> None:
    known = Allowances()
    one = known.of((DAY, ALL), "mnist_1")
    other = known.of((DAY, ALL), "mnist_2")
    third = known.of((ALL,), "mnist_2")
    assert one.holdings == other.holdings
    assert third.holdings[0] is one.holdings[1]


def test_a_change_of_the_measure_reaches_the_same_holding() -> None:
    known = Allowances()
    before = known.of((ALL,), "mnist")
    changed = Limit("all", "acme", None, "*", Metric.REQUESTS, Budget(99, Period.DAY))
    after = known.of((changed,), "mnist")
    assert after.holdings[0] is before.holdings[0]
    assert after.holdings[0].capacity == 99


def test_a_holding_that_nobody_names_is_forgotten() -> None:
    known = Allowances()
    for number in range(10):
        id_ = f"key_{number}"
        known.of((Limit(id_, "acme", id_, "*", Metric.REQUESTS, DAY.measure),), "mnist")
    gc.collect()
    assert len(known._holdings) == 0
