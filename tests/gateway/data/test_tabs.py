"""What is remembered of a caller and a model."""

import pytest

from gateway.data import tabs
from gateway.data.principal import Principal
from gateway.data.routes import find_route
from gateway.data.tabs import Tabs
from gateway.limits import Limit, Metric
from gateway.permissions import client_grants
from gateway.quotas.allowances import Allowances
from gateway.rates import Rate

MNIST = Limit("mnist", "acme", None, "mnist_*", Metric.REQUESTS, Rate(1, 1, 1))
INFER = find_route(b"POST", b"/v2/models/mnist_1/infer")
OTHER = find_route(b"POST", b"/v2/models/resnet/infer")


def principal(name: str = "key") -> Principal:
    return Principal(name, "acme", client_grants("*"), (MNIST,))


def test_a_caller_and_a_model_have_one_tab() -> None:
    known, caller = Tabs(Allowances()), principal()
    first, other = known.of(caller, INFER), known.of(caller, OTHER)
    assert known.of(caller, INFER) is first is caller.tab
    assert first is not other
    assert len(known) == 2


def test_a_tab_has_the_limits_of_its_model() -> None:
    known, caller = Tabs(Allowances()), principal()
    allowance = known.of(caller, INFER).allowance
    assert allowance is not None
    assert [holding.limit for holding in allowance.holdings] == [MNIST]
    assert known.of(caller, OTHER).allowance is None


def test_a_load_counts_under_no_model_and_is_not_remembered() -> None:
    known, caller = Tabs(Allowances()), principal()
    load = find_route(b"POST", b"/v2/repository/models/mnist_1/load")
    tab = known.of(caller, load)
    assert (tab.asked, tab.model, caller.tab) == ("", "", None)
    assert tab.allowance is not None
    assert len(known) == 0


def test_memory_is_bounded_and_the_oldest_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tabs, "MAX_TABS", 10)
    known = Tabs(Allowances())
    callers = [principal(f"key_{number}") for number in range(30)]
    for caller in callers:
        known.of(caller, INFER)
    assert len(known) == 10
    assert [bool(caller.tabs) for caller in callers] == [False] * 20 + [True] * 10
    assert callers[0].tab is None
    known.of(callers[0], INFER)
    assert callers[0].tab is not None
