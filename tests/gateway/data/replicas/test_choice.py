"""Who of several gets a request."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from gateway.data.replicas.choice import assign, pick, slots_of


@dataclass(frozen=True)
class Candidate:
    name: str
    in_flight: int = 0


def drawing(*numbers: float) -> Callable[[], float]:
    return iter(numbers).__next__


def test_of_two_drawn_the_one_with_less_in_flight_is_taken() -> None:
    busy, idle = Candidate("busy", 5), Candidate("idle", 4)
    assert pick([busy, idle], drawing(0.0, 0.0)) is idle
    assert pick([idle, busy], drawing(0.0, 0.0)) is idle


def test_the_two_are_never_the_same() -> None:
    first, second = Candidate("first", 1), Candidate("second", 0)
    assert pick([first, second], drawing(0.0, 0.0)) is second
    assert pick([first, second], drawing(0.99, 0.99)) is second
    third = Candidate("third", 0)
    assert pick([Candidate("a", 9), third, Candidate("b", 9)], drawing(0.34, 0.99)) is third


def test_the_only_one_is_taken_without_drawing() -> None:
    only = Candidate("only", 100)
    assert pick([only], drawing()) is only


def test_equals_get_equal_shares() -> None:
    candidates = [Candidate(str(number)) for number in range(8)]
    draw = Random(1).random
    taken = Counter(pick(candidates, draw).name for _ in range(8000))
    assert all(850 < count < 1150 for count in taken.values())


def test_who_returns_gets_a_small_share() -> None:
    old, new = Candidate("old"), Candidate("new")
    slots = slots_of([(old, 1.0), (new, 0.1)])
    draw = Random(1).random
    taken = Counter(pick(slots, draw).name for _ in range(10_000))
    assert 700 < taken["new"] < 1100


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
