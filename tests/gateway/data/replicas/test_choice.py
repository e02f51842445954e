"""Who of several gets a request."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from gateway.data.replicas.choice import assign, pick, slots_of


@dataclass(frozen=True)
class Candidate:
    name: str


def drawing(*numbers: float) -> Callable[[], float]:
    return iter(numbers).__next__


def test_of_two_drawn_the_one_with_less_in_flight_is_taken() -> None:
    assert pick([0, 1], [5, 4], drawing(0.0)) == 1
    assert pick([0, 1], [4, 5], drawing(0.0)) == 0


def test_the_two_are_never_the_same() -> None:
    assert pick([0, 1], [1, 0], drawing(0.0)) == 1
    assert pick([0, 1], [1, 0], drawing(0.99)) == 1
    assert pick([0, 1, 2], [9, 0, 9], drawing(0.34)) == 1


def test_the_only_one_is_taken_without_drawing() -> None:
    assert pick([3], [0, 0, 0, 100], drawing()) == 3


def test_equals_get_equal_shares() -> None:
    draw = Random(1).random
    taken = Counter(pick(list(range(8)), [0] * 8, draw) for _ in range(8000))
    assert all(850 < count < 1150 for count in taken.values())


def test_who_returns_gets_a_small_share() -> None:
    old, new = 0, 1
    slots = slots_of([(old, 1.0), (new, 0.1)])
    draw = Random(1).random
    taken = Counter(pick(slots, [0, 0], draw) for _ in range(10_000))
    assert 700 < taken[new] < 1100


def test_with_whole_shares_each_stands_once() -> None:
    assert slots_of([("a", 1.0), ("b", 1.0), ("c", 1.0)]) == ["a", "b", "c"]


def test_a_key_stays_where_it_is_when_others_come_and_go() -> None:
    candidates = [Candidate(f"10.0.0.{number}:8000") for number in range(10)]
    before = {str(key): assign(str(key), candidates) for key in range(1000)}
    assert {key: assign(key, reversed(candidates)) for key in before} == before
    gone = candidates.pop()
    moved = [key for key, where in before.items() if assign(key, candidates) != where]
    assert {before[key] for key in moved} == {gone}
    assert 50 < len(moved) < 200
