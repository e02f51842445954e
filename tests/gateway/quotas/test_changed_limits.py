"""A limit is lowered while workers hold units of what it was."""

import pytest

from gateway.limits import Budget, Concurrency, Limit, Measure, Metric, Period
from gateway.quotas.holding import Holding
from gateway.quotas.outage import Mode
from gateway.quotas.policies import Policies, Policy
from gateway.quotas.protocol import LIGHT, VERY_LIGHT
from gateway.rates import Rate
from tests.gateway.quotas.world import SECOND_US, Worker, World

ONE = (1, 1, 100, 10)
DAY = Period.DAY
LENIENT = Policies(rate=Policy.SHARE, concurrency=Policy.SHARE, budget=Policy.REFUSE)


def limits(measure: Measure, metric: Metric = Metric.REQUESTS) -> tuple[Limit, ...]:
    return (Limit("one", "acme", "key_1", "*", metric, measure),)


def holding(worker: Worker) -> Holding:
    (one,) = worker.allowance().holdings
    return one


def send(worker: Worker, requests: int) -> int:
    """One after the other, 10 ms each; returns how many were admitted."""
    before = len(worker.world.log)
    for _ in range(requests):
        worker.world.pass_us(SECOND_US // 100)
        worker.request(ONE)
        worker.beat()
        while worker.in_flight:
            worker.settle(worker.in_flight[0], ONE)
    return len(worker.world.log) - before


def hear_of(world: World, changed: tuple[Limit, ...]) -> None:
    world.limits = changed
    for worker in world.workers:
        worker.limits = changed


@pytest.mark.parametrize(
    ("before", "after", "metric", "most"),
    [
        (Rate(100_000, 1, 100_000), Rate(1, 60, 1), Metric.REQUESTS, 1),
        (Rate(100_000, 1, 100_000), Rate(1, 60, 1), Metric.SAMPLES, 1),
        (Budget(1_000_000, DAY), Budget(5, DAY), Metric.REQUESTS, 0),
        (Budget(10_000_000, DAY), Budget(50, DAY), Metric.COMPUTE_MS, 0),
    ],
)
def test_what_is_held_of_a_larger_limit_is_not_spent(
    before: Measure, after: Measure, metric: Metric, most: int
) -> None:
    world = World(limits(before, metric), workers=2)
    for worker in world.workers:
        assert send(worker, 200) == 200
        # It would last for a minute.
        assert holding(worker).stretch == LIGHT and holding(worker).free > 100
    hear_of(world, limits(after, metric))
    assert sum(send(worker, 300) for worker in world.workers) <= most


def test_slots_beyond_the_lowered_number_are_not_taken() -> None:
    world = World(limits(Concurrency(1000)), workers=2)
    for worker in world.workers:
        for _ in range(40):
            worker.request(ONE)
        worker.exchange()
        assert len(worker.in_flight) == 40
        while worker.in_flight:
            worker.settle(worker.in_flight[0], ONE)
    hear_of(world, limits(Concurrency(2)))
    for worker in world.workers:
        for _ in range(5):
            worker.request(ONE)
            worker.exchange()
    assert sum(len(worker.in_flight) for worker in world.workers) == 2


def test_an_answer_to_a_question_of_before_gives_nothing() -> None:
    world = World(limits(Rate(100_000, 1, 100_000)))
    (worker,) = world.workers
    send(worker, 200)
    world.pass_us(60 * SECOND_US)
    assert worker.holder.beat()
    answers = [world.store.renew(renewal) for renewal in worker.send()]
    hear_of(world, limits(Rate(1, 60, 1)))
    worker.request(ONE)
    for answer in answers:
        worker.hear(answer)
    assert holding(worker).free == 0
    assert len(world.log) == 200
    worker.exchange()
    assert send(worker, 300) <= 1


def test_what_goes_back_is_told_at_once_and_others_may_have_it() -> None:
    world = World(limits(Budget(1_000_000, DAY)), workers=2)
    one, other = world.workers
    send(one, 200)
    hear_of(world, limits(Budget(300, DAY)))
    send(one, 1)
    # Of what the first one held nothing is missing.
    assert send(other, 150) >= 90


def test_what_was_lent_by_a_larger_limit_is_not_spent() -> None:
    world = World(limits(Rate(1000, 1, 1000)), policies=LENIENT)
    (worker,) = world.workers
    send(worker, 100)
    world.pass_us(60 * SECOND_US)
    assert worker.holder.beat()
    for renewal in worker.send():
        worker.give_up(renewal)
    for _ in range(100):
        world.pass_us(SECOND_US // 100)
        worker.request(ONE)
    assert holding(worker).lent_ns
    before = len(world.log)
    hear_of(world, limits(Rate(1, 60, 1)))
    for _ in range(100):
        world.pass_us(SECOND_US // 100)
        worker.request(ONE)
    assert len(world.log) - before <= 1


def test_a_raise_is_heard_of_while_the_store_is_asked_by_what_was() -> None:
    world = World(limits(Budget(300, DAY)), workers=2)
    one, other = world.workers
    send(one, 100)
    while holding(one).free:
        one.request(ONE)
    send(other, 300)
    assert one.holder.beat()
    answers = [world.store.renew(renewal) for renewal in one.send()]
    assert [given.left for answer in answers for given in answer.given] == [0]
    hear_of(world, limits(Budget(100_000, DAY)))
    one.allowance()
    for answer in answers:
        one.hear(answer)
    one.exchange()
    assert send(one, 100) == 100


def test_what_was_reserved_of_a_larger_limit_does_not_come_free() -> None:
    world = World(limits(Budget(10_000_000, DAY), Metric.COMPUTE_MS))
    (worker,) = world.workers
    for _ in range(20):
        worker.request((1, 1, 100, 1000))
        worker.exchange()
    hear_of(world, limits(Budget(50, DAY), Metric.COMPUTE_MS))
    worker.allowance()
    while worker.in_flight:
        worker.settle(worker.in_flight[0], (1, 1, 100, 1))
        assert holding(worker).free <= 50
    # 20 of the 50 are used, and each takes 10.
    assert send(worker, 100) <= 3


def test_a_raise_while_the_store_is_away_takes_nothing_of_what_is_held() -> None:
    world = World(limits(Budget(1_000_000, DAY)), policies=LENIENT)
    (worker,) = world.workers
    send(worker, 200)
    world.pass_us(41 * SECOND_US)
    assert worker.holder.beat()
    for renewal in worker.send():
        worker.give_up(renewal)
    assert worker.holder.outage.mode is Mode.SHARE
    worker.holder.recall({"key_1"}, {"acme"})
    hear_of(world, limits(Budget(2_000_000, DAY)))
    before = len(world.log)
    for _ in range(50):
        worker.request(ONE)
    assert len(world.log) - before == 50


@pytest.mark.parametrize(("burst", "stretch"), [(100_000, LIGHT), (100_000_000, VERY_LIGHT)])
def test_who_hears_that_something_changed_returns_what_it_holds_without_a_request(
    burst: int, stretch: int
) -> None:
    world = World(limits(Rate(100_000, 1, burst)), workers=2)
    one, other = world.workers
    assert send(one, 200) == send(other, 200) == 200
    assert holding(one).stretch == holding(other).stretch == stretch
    for worker in world.workers:
        worker.holder.recall(frozenset(), {"acme"})
        worker.exchange()
    hear_of(world, limits(Rate(20, 1, 20)))
    # Of the other nothing is heard any more.
    assert 20 + 20 * 2 <= send(one, 300) <= 20 + 20 * 3


def test_what_an_answer_under_way_gives_is_returned_too() -> None:
    world = World(limits(Rate(100_000, 1, 100_000)))
    (worker,) = world.workers
    send(worker, 200)
    world.pass_us(60 * SECOND_US)
    assert worker.holder.beat()
    answers = [world.store.renew(renewal) for renewal in worker.send()]
    assert any(given.granted for answer in answers for given in answer.given)
    worker.holder.recall({"key_1"}, frozenset())
    for answer in answers:
        worker.hear(answer)
    worker.exchange()
    account = world.store.account(world.limits[0])
    assert account is not None and account.out() == 0


def test_only_what_is_of_those_that_changed_is_returned() -> None:
    world = World(limits(Rate(100_000, 1, 100_000)))
    (worker,) = world.workers
    send(worker, 200)
    held = holding(worker).free
    worker.holder.recall({"key_2"}, {"globex"})
    assert holding(worker).free == held > 0
    worker.holder.recall({"key_1"}, frozenset())
    assert holding(worker).free == 0
