"""A name that outlives its worker, and numbers that never go back under it."""

from gateway.limits import Concurrency
from gateway.quotas.decisions import Waiting
from gateway.quotas.holder_id import HolderIds, new_holder_id
from tests.gateway.quotas.builders import limit
from tests.gateway.quotas.world import SECOND_US, World

ONE = (1, 1, 100, 10)


def test_the_living_have_names_of_their_own() -> None:
    ids = HolderIds()
    assert len({ids.take().name for _ in range(3)}) == 3


def test_the_name_of_a_dead_one_is_given_again_and_counts_on() -> None:
    ids = HolderIds()
    dead = ids.take()
    ids.give_back(dead)
    fresh = ids.take()
    assert fresh.name == dead.name
    # More Renewals than a life has time for.
    assert fresh.first - dead.first > 10**10
    assert ids.take().name != dead.name


def test_numbers_stay_below_what_redis_holds_exactly() -> None:
    ids = HolderIds()
    last = new_holder_id()._replace(life=2**17 - 1)
    assert last.first + 2**36 <= 2**53
    ids.give_back(last)
    assert ids.take().life == 0


def test_slots_of_a_dead_worker_are_free_with_the_first_ask_under_its_name() -> None:
    """The clock stands still: no lease has run out."""
    world = World((limit(Concurrency(1)),), workers=1)
    (dead,) = world.workers
    dead.request(ONE)
    dead.exchange()
    assert len(dead.in_flight) == 1
    other = world.born()
    assert isinstance(other.request(ONE), Waiting)
    other.exchange()
    assert not other.in_flight
    fresh = world.born_again(dead)
    fresh.request(ONE)
    fresh.exchange()
    assert len(fresh.in_flight) == 1


def test_what_a_dead_worker_said_last_changes_nothing_of_its_successors_lease() -> None:
    world = World((limit(Concurrency(2)),), workers=1)
    (dead,) = world.workers
    dead.request(ONE)
    dead.exchange()
    for _ in range(10):
        world.pass_us(SECOND_US)
        dead.beat()
    dead.settle(dead.in_flight[0], ONE)
    dead.holder.close()
    late = dead.send()
    assert [ask.returned for ask in late[0].asks] == [1]
    fresh = world.born_again(dead)
    for _ in range(2):
        fresh.request(ONE)
    fresh.exchange()
    assert len(fresh.in_flight) == 2
    for renewal in late:
        world.store.renew(renewal)
    other = world.born()
    other.request(ONE)
    other.exchange()
    assert not other.in_flight
