"""What Prometheus is told of budgets."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from gateway.limits import Budget, Period
from gateway.quotas import budget_metrics
from gateway.quotas.budget_metrics import BudgetMetrics
from gateway.quotas.protocol import Kind
from gateway.quotas.windows import window_end_us
from gateway.rates import Rate
from tests.gateway.quotas.builders import limit
from tests.gateway.quotas.world import NOON_US, World

BUDGET = limit(Budget(5, Period.DAY))
LABELS = {"tenant": "acme", "limit": BUDGET.id}


class Calendar:
    us = NOON_US

    def now_us(self) -> int:
        return self.us


def watched(world: World) -> tuple[Calendar, Callable[[], None], Callable[[], float | None]]:
    """The calendar, a look at the budgets, and what Prometheus then reads."""
    registry, calendar = CollectorRegistry(), Calendar()
    metrics = BudgetMetrics(registry, calendar.now_us)
    (worker,) = world.workers
    return (
        calendar,
        lambda: metrics.publish(worker.holder.budgets()),
        lambda: registry.get_sample_value("conch_budget_left_ratio", LABELS),
    )


def use(world: World, requests: int) -> None:
    (worker,) = world.workers
    for _ in range(requests):
        worker.request((1, 1, 1, 1))
        worker.exchange()


def test_what_is_left_is_told_and_goes_down() -> None:
    world = World((BUDGET,))
    _, look, left = watched(world)
    look()
    assert left() is None
    use(world, 2)
    look()
    assert left() == 0.6
    use(world, 9)
    look()
    assert left() == 0.0


def test_a_budget_that_nobody_uses_is_whole_when_its_window_has_ended() -> None:
    world = World((BUDGET,))
    calendar, look, left = watched(world)
    use(world, 3)
    look()
    calendar.us = window_end_us(Kind.DAY, NOON_US)
    world.workers[0].holder._active.clear()
    look()
    assert left() == 1.0


def test_what_was_left_before_midnight_is_not_told_of_the_day_after() -> None:
    world = World((BUDGET,))
    calendar, look, left = watched(world)
    use(world, 3)
    look()
    world.pass_us(window_end_us(Kind.DAY, NOON_US) - NOON_US)
    calendar.us = window_end_us(Kind.DAY, NOON_US)
    assert len(world.workers[0].holder) == 1
    look()
    assert left() == 1.0


def test_rates_are_not_told() -> None:
    world = World((limit(Rate(5, 1, 5)),))
    _, look, _ = watched(world)
    use(world, 1)
    assert len(world.workers[0].holder) == 1
    assert list(world.workers[0].holder.budgets()) == []
    look()


def test_budgets_of_all_days_together_are_no_more_than_the_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(budget_metrics, "MAX_BUDGETS", 1)
    registry, calendar = CollectorRegistry(), Calendar()
    metrics = BudgetMetrics(registry, calendar.now_us)
    for id_ in ("monday", "tuesday"):
        world = World((replace(BUDGET, id=id_),))
        use(world, 1)
        metrics.publish(world.workers[0].holder.budgets())
        calendar.us = window_end_us(Kind.DAY, calendar.us)
        metrics.publish(())
    labels = [{"tenant": "acme", "limit": id_} for id_ in ("monday", "tuesday")]
    told = [registry.get_sample_value("conch_budget_left_ratio", one) for one in labels]
    assert told == [1.0, None]


def test_budgets_past_the_most_are_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget_metrics, "MAX_BUDGETS", 0)
    world = World((BUDGET,))
    _, look, left = watched(world)
    use(world, 1)
    look()
    assert left() is None
