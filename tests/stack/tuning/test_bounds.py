"""The ladders, and the flags that bound them."""

import pytest

from stack.errors import UsageError
from stack.tuning.bounds import Bounds, Range, parse_delay_range, parse_range, space
from tests.stack.tuning.planted import BOUNDS, TUNABLE, VALUES, Values


def test_the_ladders_hold_what_the_bounds_allow() -> None:
    found = space(VALUES, BOUNDS, cores=4, tunable=TUNABLE).ladders
    assert found["instances"] == (1, 2, 3, 4)
    assert found["queue_delay_us"] == (0, 100, 200, 500, 1000, 2000, 5000)
    assert found["threads"] == (1, 2, 3, 4)
    assert found["preferred_batch"] == (0, 2, 4, 8, 16)
    # One rung is no ladder.
    assert "max_batch" not in found


def test_a_shipped_value_outside_the_bounds_is_left_for_one_inside() -> None:
    bounds = Bounds(Range(3, 4), Range(0, 0), Range(32, 32), Range(1, 1))
    found = space(VALUES, bounds, cores=4, tunable=("instances", "queue_delay_us"))
    assert found.ladders == {"queue_delay_us": (0,), "instances": (3, 4)}
    assert [v.instances for v in found.neighbours(VALUES, "instances", up=True)] == [3, 4]
    assert [v.queue_delay_us for v in found.neighbours(VALUES, "queue_delay_us", up=False)] == [0]


def test_many_instances_are_tried_in_powers_of_two() -> None:
    bounds = Bounds(Range(1, 48), Range(0, 0), Range(32, 32), Range(1, 1))
    found = space(VALUES, bounds, cores=48, tunable=("instances",)).ladders
    assert found["instances"] == (1, 2, 3, 4, 5, 6, 7, 8, 16, 32, 48)


def test_a_model_without_a_batcher_can_get_one() -> None:
    without = Values(1, None, 32, 0, 0)
    found = space(without, BOUNDS, cores=2, tunable=TUNABLE)
    delays = [v.queue_delay_us for v in found.neighbours(without, "queue_delay_us", up=True)]
    assert delays == [0, 5000]
    assert not list(found.neighbours(without, "preferred_batch", up=True))


def test_neighbours_are_the_next_rung_and_the_last_one() -> None:
    found = space(VALUES, BOUNDS, cores=2, tunable=TUNABLE)
    down = [
        values.queue_delay_us for values in found.neighbours(VALUES, "queue_delay_us", up=False)
    ]
    assert down == [500, 0]
    assert [v.instances for v in found.neighbours(VALUES, "instances", up=False)] == []


def test_automatic_threads_stand_where_their_number_does() -> None:
    found = space(VALUES, BOUNDS, cores=4, tunable=TUNABLE)
    two = Values(2, 1000, 32, 0, 0)
    assert [v.threads for v in found.neighbours(two, "threads", up=False)] == [1]
    assert [v.threads for v in found.neighbours(two, "threads", up=True)] == [3, 4]


def test_automatic_threads_are_the_same_as_their_number() -> None:
    found = space(VALUES, BOUNDS, cores=4, tunable=TUNABLE)
    written_out = Values(1, 1000, 32, 0, 4)
    assert found.key(VALUES) == found.key(written_out)
    assert found.key(VALUES) != found.key(Values(1, 1000, 32, 0, 2))


def test_ranges_are_read() -> None:
    assert parse_range("1:4", "--instances") == (1, 4)
    assert parse_range("3", "--instances") == (3, 3)
    assert parse_delay_range("0us:5ms", "--queue-delay") == (0, 5000)
    assert parse_delay_range("500us", "--queue-delay") == (500, 500)


@pytest.mark.parametrize("text", ["", "a", "1:", "1:2:3", "4:1", "0:3", "-1:3", "1.5"])
def test_what_is_no_range_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match="--instances is"):
        parse_range(text, "--instances")


@pytest.mark.parametrize("text", ["5", "0:5", "5s", "5ms:1us"])
def test_a_delay_needs_its_unit(text: str) -> None:
    with pytest.raises(UsageError, match="--queue-delay is"):
        parse_delay_range(text, "--queue-delay")
