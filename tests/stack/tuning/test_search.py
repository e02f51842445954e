"""The climb on planted surfaces."""

import math
import random
from collections.abc import Callable
from dataclasses import replace

from stack.tuning.bounds import space
from stack.tuning.search import Noise, Outcome, Search
from stack.tuning.values import Values
from tests.stack.tuning.planted import BOUNDS, TUNABLE, VALUES

QUIET = Noise(gain=0.02, harm=1.1)
SPACE = space(VALUES, BOUNDS, cores=4, tunable=TUNABLE)


def hill(values: Values) -> float:
    """Best with 3 instances, no delay, 2 threads."""
    delay = math.log1p((values.queue_delay_us or 0) / 100)
    threads = values.threads or 4
    return math.exp(-0.2 * (values.instances - 3) ** 2 - 0.3 * delay - 0.1 * abs(threads - 2))


def climbed(
    surface: Callable[[Values], float], *, tries: int = 60, noise: Noise = QUIET
) -> tuple[Values, Search]:
    search = Search(SPACE, lambda v: Outcome(surface(v) / surface(VALUES)), noise, tries)
    return search.climb(VALUES), search


def test_it_finds_the_top_of_a_hill_from_the_shipped_values() -> None:
    best, search = climbed(hill)
    assert best == replace(VALUES, instances=3, queue_delay_us=0, threads=2)
    assert search.made < SPACE.size / 10


def test_on_a_flat_surface_it_stays_where_it_is() -> None:
    assert climbed(lambda values: 1.0)[0] == VALUES


def test_a_flat_stretch_does_not_hide_what_lies_behind_it() -> None:
    best, _ = climbed(lambda values: 2.0 if values.queue_delay_us == 0 else 1.0)
    assert best.queue_delay_us == 0


def test_noise_alone_moves_it_seldom() -> None:
    rng = random.Random(1)
    noise = Noise(gain=0.10, harm=1.1)
    moved = sum(
        climbed(lambda values: math.exp(rng.gauss(0, 0.03)), noise=noise)[0] != VALUES
        for _ in range(100)
    )
    assert moved <= 5


def test_a_lucky_first_figure_is_measured_again() -> None:
    seen: list[Values] = []

    def compare(values: Values) -> Outcome:
        seen.append(values)
        return Outcome(1.5 if seen.count(values) == 1 else 0.8)

    search = Search(SPACE, compare, QUIET, tries=30)
    found = search.climb(VALUES)
    assert all(seen.count(values) <= 2 for values in seen)
    # sqrt(1.5 * 0.8) is above one by more than the noise, so the first is taken and no other.
    assert found == seen[0]


def test_what_cannot_be_served_or_does_harm_is_passed_over() -> None:
    def compare(values: Values) -> Outcome:
        if values.instances > 1:
            return Outcome(9.0, refused="no room")
        return Outcome(hill(values) / hill(VALUES), harm=3.0 if values.threads else 1.0)

    best = Search(SPACE, compare, QUIET, tries=60).climb(VALUES)
    assert best == replace(VALUES, queue_delay_us=0)


def test_it_stops_when_the_tries_are_used_up() -> None:
    _, search = climbed(hill, tries=5)
    assert search.made == 5
