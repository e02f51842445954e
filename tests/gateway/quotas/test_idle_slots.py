"""Slots that are free at one holder while others may have none."""

import gc
import weakref

import pytest

from gateway.limits import Concurrency
from gateway.quotas.policies import Policies, Policy
from tests.gateway.quotas.builders import limit
from tests.gateway.quotas.overload import BEAT_US, ONE
from tests.gateway.quotas.world import SECOND_US, World


def free_after(slots: int, passes_us: int, world: World | None = None) -> int:
    """Slots that a worker still has free, some time after its only request."""
    world = world or World((limit(Concurrency(slots)),), workers=2)
    one = world.workers[0]
    one.request(ONE)
    one.exchange()
    world.pass_us(BEAT_US)
    one.settle(one.in_flight[0], ONE)
    world.pass_us(passes_us)
    one.beat()
    (holding,) = one.allowance().holdings
    return holding.free


@pytest.mark.parametrize(
    ("slots", "passes_us", "free"),
    [
        (1, BEAT_US, 0),
        (1, 20_000, 0),
        # Used just now: who sends one request after the other keeps the slot.
        (1, 19_999, 1),
        # As many are left.
        (2, BEAT_US, 0),
        # The store has seven more.
        (8, BEAT_US, 1),
    ],
)
def test_scarce_slots_that_are_idle_go_back_with_the_beat(
    slots: int, passes_us: int, free: int
) -> None:
    assert free_after(slots, passes_us) == free


def test_a_slot_that_went_back_is_there_for_others() -> None:
    world = World((limit(Concurrency(1)),), workers=2)
    free_after(1, BEAT_US, world)
    other = world.workers[1]
    other.request(ONE)
    other.exchange()
    assert other.in_flight


def test_an_idle_slot_goes_back_once_it_is_heard_that_it_was_the_last() -> None:
    world = World((limit(Concurrency(8)),), workers=3)
    one, other, third = world.workers
    assert free_after(8, 0, world) == 1
    for _ in range(7):
        other.request(ONE)
        other.exchange()
    for _ in range(5):
        world.pass_us(BEAT_US)
        one.beat()
        other.beat()
    third.request(ONE)
    third.exchange()
    assert third.in_flight


def test_who_is_alone_keeps_its_slots() -> None:
    world = World((limit(Concurrency(1)),), is_alone=True)
    assert free_after(1, BEAT_US, world) == 1


def test_a_limit_that_is_used_no_more_is_forgotten_with_its_slots() -> None:
    for is_alone in (True, False):
        world = World((limit(Concurrency(1)),), is_alone=is_alone)
        free_after(1, 0, world)
        (worker,) = world.workers
        (holding,) = worker.allowance().holdings
        gone = weakref.ref(holding)
        for _ in range(12):
            world.pass_us(BEAT_US)
            worker.beat()
        world.log.clear()
        worker.waiting.clear()
        worker.used = None
        del holding
        gc.collect()
        assert gone() is None


def test_idle_slots_stay_while_the_store_is_away() -> None:
    policies = Policies(concurrency=Policy.REFUSE)
    world = World((limit(Concurrency(1)),), workers=2, policies=policies)
    one = world.workers[0]
    one.request(ONE)
    one.exchange()
    world.pass_us(SECOND_US)
    one.holder.beat()
    for renewal in one.send():
        one.give_up(renewal)
    one.settle(one.in_flight[0], ONE)
    world.pass_us(BEAT_US)
    one.holder.beat()
    one.request(ONE)
    assert one.in_flight
