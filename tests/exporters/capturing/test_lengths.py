from exporters.capturing.lengths import (
    equal_lengths,
    example_lengths,
    further_lengths,
    lengths_in_a_row,
    longest_proved,
)
from exporters.spec import Axis, ModelSpec, TensorSpec
from tests.exporters.models import Doubler, spec_of


def spec_over(*shape: int | Axis) -> ModelSpec:
    tensor = TensorSpec(name="x", dtype="float32", shape=shape)
    return spec_of(Doubler, inputs=(tensor,), max_batch_size=8)


def axis(low: int, high: int, name: str = "length") -> Axis:
    return Axis(name=name, min=low, max=high)


def test_a_length_that_a_sample_has_is_no_further_one() -> None:
    length = axis(1, 9)
    assert further_lengths(spec_over(length), length, [{"length": 1}]) == (9, 5, 2)


def test_an_axis_of_two_lengths_has_one_further_one() -> None:
    length = axis(3, 4)
    assert further_lengths(spec_over(length), length, [{"length": 3}]) == (4,)


def test_a_length_that_costs_too_much_is_not_proved() -> None:
    length = axis(1, 1_000_000)
    assert longest_proved(spec_over(length), length, [{"length": 10}]) == 1024
    assert longest_proved(spec_over(length), length, [{"length": 1000}]) == 16_000


def test_a_wide_input_is_proved_at_fewer_lengths() -> None:
    length = axis(1, 1000)
    assert longest_proved(spec_over(4096, length), length, [{"length": 10}]) == 256


def test_a_length_that_a_sample_has_is_always_affordable() -> None:
    length = axis(1, 1000)
    assert longest_proved(spec_over(4096, length), length, [{"length": 700}]) == 700


def test_the_example_takes_no_length_for_another() -> None:
    height, width = axis(1, 64, "height"), axis(1, 64, "width")
    chosen = example_lengths(spec_over(3, height, width), [{"height": 8, "width": 8}])
    assert chosen["height"] != chosen["width"]
    assert {1, 2, 3}.isdisjoint(chosen.values())


def test_an_example_length_of_one_is_raised() -> None:
    assert example_lengths(spec_over(axis(1, 64)), [{"length": 1}]) == {"length": 3}


def test_an_axis_without_a_free_length_keeps_the_samples() -> None:
    assert example_lengths(spec_over(axis(1, 2)), [{"length": 1}]) == {"length": 1}


def test_every_remainder_by_two_and_four_and_eight_is_asked() -> None:
    length = axis(2, 100)
    spec, seen = spec_over(length), [{"length": 6}]
    asked = {6, *further_lengths(spec, length, seen), *lengths_in_a_row(spec, length, seen)}
    assert {size % 8 for size in asked} == set(range(8))


def test_axes_are_asked_at_one_length_that_all_of_them_have() -> None:
    spec = spec_over(axis(4, 20, "height"), axis(9, 30, "width"))
    (equal,) = equal_lengths(spec, [{"height": 5, "width": 10}])
    assert equal == {"height": 9, "width": 9}


def test_axes_without_a_common_length_are_never_equal() -> None:
    spec = spec_over(axis(4, 8, "height"), axis(9, 30, "width"))
    assert list(equal_lengths(spec, [{"height": 5, "width": 10}])) == []
