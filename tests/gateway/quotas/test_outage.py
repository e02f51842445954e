"""What is done while the store is away, and how it is told."""

from typing import Any

import structlog

from gateway.limits import Budget, Concurrency, Limit, Period
from gateway.quotas.concurrency_account import ASK_US
from gateway.quotas.decisions import Reason
from gateway.quotas.outage import Mode, Policies, Policy
from gateway.rates import Rate
from tests.gateway.quotas.builders import limit
from tests.gateway.quotas.world import SECOND_US, Worker, World

ONE = (1, 1, 100, 10)


def admitted(worker: Worker, requests: int, *, is_away: bool = True) -> int:
    before = len(worker.world.log)
    for _ in range(requests):
        worker.request(ONE)
        if is_away:
            fail(worker)
        else:
            worker.exchange()
    return len(worker.world.log) - before


def fail(worker: Worker) -> None:
    while worker.holder.is_due:
        for renewal in worker.send():
            worker.give_up(renewal)


def world_of(measure: Rate | Budget | Concurrency, workers: int = 1, **policies: Any) -> World:
    return World((limit(measure),), workers, Policies(**policies))


def test_a_rate_goes_on_by_the_share_it_had() -> None:
    world = world_of(Rate(100, 1, 100), workers=2)
    one, other = world.workers
    admitted(one, 10, is_away=False)
    admitted(other, 10, is_away=False)
    admitted(other, 1, is_away=False)
    one.beat()
    world.pass_us(61 * SECOND_US)
    admitted(one, 1)
    world.pass_us(SECOND_US)
    assert one.holder.outage.mode is Mode.SHARE
    assert admitted(one, 1000) in (50, 100)


def test_a_concurrency_goes_on_by_its_share() -> None:
    world = world_of(Concurrency(4))
    (worker,) = world.workers
    assert admitted(worker, 10) == 4
    worker.settle(worker.in_flight[0], ONE)
    assert admitted(worker, 10) == 1


def test_slots_that_nobody_would_get_stay_while_the_store_is_away() -> None:
    world = world_of(Concurrency(8), 2, concurrency=Policy.REFUSE)
    one, other = world.workers
    assert admitted(one, 4, is_away=False) == 4
    assert admitted(other, 8, is_away=False) < 8
    world.pass_us(SECOND_US)
    one.beat()
    world.pass_us(SECOND_US)
    one.holder.beat()
    fail(one)
    for renewal in one.send():
        one.give_up(renewal)
    assert one.holder.outage.mode is Mode.SHARE
    world.pass_us(SECOND_US)
    for line in list(one.in_flight):
        one.settle(line, ONE)
    assert admitted(one, 4) == 4


def test_nobody_waits_for_a_slot_elsewhere_while_the_store_is_away() -> None:
    world = world_of(Concurrency(1), 2, concurrency=Policy.REFUSE)
    one, other = world.workers
    assert admitted(one, 1, is_away=False) == 1
    assert admitted(other, 1, is_away=False) == 0
    world.pass_us(ASK_US)
    other.holder.look_again()
    fail(other)
    assert len(other.refusals) == 1


def test_a_budget_spends_what_it_holds_and_then_it_is_not_the_clients_fault() -> None:
    world = world_of(Budget(1000, Period.DAY))
    (worker,) = world.workers
    admitted(worker, 20, is_away=False)
    held = worker.allowance().holdings[0].free
    assert admitted(worker, 1000) == held > 0
    assert worker.refusals[-1].reason is Reason.STORE_AWAY
    assert worker.refusals[-1].retry_after_s == 1


def test_a_budget_that_is_admitted_on_is_told_when_the_store_is_back() -> None:
    world = world_of(Budget(100, Period.DAY), budget=Policy.ADMIT)
    (worker,) = world.workers
    assert admitted(worker, 30) == 30
    world.pass_us(SECOND_US)
    worker.beat()
    assert admitted(worker, 100, is_away=False) == 70


def test_a_rate_that_was_shared_owes_what_it_let_through() -> None:
    world = world_of(Rate(10, 1, 10))
    (worker,) = world.workers
    admitted(worker, 1)
    world.pass_us(SECOND_US)
    assert admitted(worker, 20) == 10
    worker.beat()
    assert admitted(worker, 20, is_away=False) == 0


def test_what_is_refused_by_policy_is_refused_at_once() -> None:
    world = world_of(Rate(10, 1, 10), rate=Policy.REFUSE)
    (worker,) = world.workers
    assert admitted(worker, 5) == 0
    assert {refusal.reason for refusal in worker.refusals} == {Reason.STORE_AWAY}


def test_shares_end_after_a_bounded_time() -> None:
    world = world_of(Rate(10, 1, 10), longest_s=60)
    (worker,) = world.workers
    admitted(worker, 1)
    world.pass_us(59 * SECOND_US)
    assert admitted(worker, 1) == 1
    world.pass_us(2 * SECOND_US)
    assert worker.holder.beat()
    for renewal in worker.send():
        worker.give_up(renewal)
    assert worker.holder.outage.mode is Mode.REFUSE
    world.pass_us(SECOND_US)
    assert admitted(worker, 1) == 0


def test_every_change_of_mode_is_told_once() -> None:
    world = world_of(Rate(10, 1, 10))
    (worker,) = world.workers
    with structlog.testing.capture_logs() as logs:
        admitted(worker, 5)
        world.pass_us(2 * SECOND_US)
        worker.beat()
    assert [(line["event"], line["log_level"]) for line in logs] == [
        ("quota_store_away", "error"),
        ("quota_store_back", "info"),
    ]


def test_while_the_store_is_away_one_question_at_a_time_looks_for_it() -> None:
    world = World((limit(Rate(10, 1, 10)), *many()), 1, Policies())
    (worker,) = world.workers
    admitted(worker, 1)
    assert worker.holder.beat()
    (probe,) = worker.send()
    assert probe.asks == ()


def many() -> tuple[Limit, ...]:
    return tuple(
        Limit(f"more_{number}", "acme", None, "*", limit(Rate(1, 1, 1)).metric, Rate(9, 1, 9))
        for number in range(20)
    )
