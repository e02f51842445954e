import numpy as np
import pytest
import torch

from exporters.capturing.samples import Batch, batches, example, read_samples, timed_batches
from exporters.errors import SpecError
from exporters.spec import Axis, ModelSpec, TensorSpec
from tests.exporters.models import WIDTH, Doubler, Embedded, spec_of

LENGTH = Axis(name="length", min=2, max=40)
SERIES = TensorSpec(name="x", dtype="float32", shape=(LENGTH,))


def inputs_of(spec: ModelSpec) -> list[Batch]:
    return list(batches(spec, read_samples(spec)))


def series_of(*lengths: int, **changes: object) -> ModelSpec:
    """A model of one dynamic axis, with a sample of each length."""
    samples = tuple({"x": np.arange(length, dtype=np.float32)} for length in lengths)
    outputs = (TensorSpec(name="y", dtype="float32", shape=(LENGTH,)),)
    fields = {"inputs": (SERIES,), "outputs": outputs, "samples": samples, **changes}
    return spec_of(Doubler, **fields)


def test_a_model_without_batching_is_proved_on_items() -> None:
    found = inputs_of(spec_of(Doubler, max_batch_size=0))
    assert {batch.inputs["x"].shape for batch in found} == {(WIDTH,)}


def test_transposed_samples_are_laid_out_as_requests_are() -> None:
    picture = np.zeros((5, 6, 3), np.float32).transpose(2, 0, 1)
    spec = spec_of(
        Doubler,
        inputs=(TensorSpec(name="x", dtype="float32", shape=(3, 5, 6)),),
        samples=({"x": picture}, {"x": picture}),
    )
    assert all(batch.inputs["x"].flags.c_contiguous for batch in inputs_of(spec))
    assert example(spec, read_samples(spec))["x"].flags.c_contiguous


def test_every_batch_size_is_asked_on_real_inputs_and_on_three_seeds() -> None:
    found = inputs_of(spec_of(Doubler, max_batch_size=8))
    assert [(batch.size, batch.data) for batch in found] == [
        (size, data)
        for size in (1, 2, 3, 8)
        for data in ("real", "random, seed 7", "random, seed 8", "random, seed 9")
    ]


def test_a_small_maximum_leaves_out_larger_batches() -> None:
    found = inputs_of(spec_of(Doubler, max_batch_size=2))
    assert {batch.size for batch in found} == {1, 2}


def test_random_inputs_are_fresh_but_the_same_each_time() -> None:
    first, second = (inputs_of(spec_of(Doubler)) for _ in range(2))
    assert all(
        np.array_equal(a.inputs["x"], b.inputs["x"]) for a, b in zip(first, second, strict=True)
    )
    drawn = [batch.inputs["x"][0].tolist() for batch in first if batch.data != "real"]
    assert len(drawn) == len({tuple(values) for values in drawn})


def test_random_indices_stay_in_the_range_of_the_samples() -> None:
    spec = spec_of(
        Embedded,
        inputs=(TensorSpec(name="index", dtype="int64", shape=(3,)),),
        samples=({"index": np.array([0, 4, 1])},),
    )
    drawn = np.concatenate([batch.inputs["index"].ravel() for batch in inputs_of(spec)])
    assert (drawn.min(), drawn.max()) == (0, 4)


def test_random_truth_values_are_both_whatever_the_samples_are() -> None:
    spec = spec_of(
        Doubler,
        inputs=(TensorSpec(name="x", dtype="bool", shape=(WIDTH,)),),
        samples=({"x": np.ones(WIDTH, np.bool_)},),
    )
    drawn = [batch.inputs["x"] for batch in inputs_of(spec) if batch.data != "real"]
    assert {bool(value) for values in drawn for value in values.ravel()} == {True, False}


def test_infinity_in_a_sample_does_not_widen_the_range() -> None:
    spec = spec_of(Doubler, samples=({"x": np.array([-np.inf, 1, 2, 3], np.float32)},))
    drawn = [batch.inputs["x"] for batch in inputs_of(spec) if batch.data != "real"]
    assert min(values.min() for values in drawn) >= 1


def test_a_batch_holds_samples_of_one_length() -> None:
    real = [batch for batch in inputs_of(series_of(5, 9, 5)) if batch.data == "real"]
    assert {batch.lengths["length"] for batch in real} == {5, 9}
    assert all(batch.inputs["x"].shape == (batch.size, batch.lengths["length"]) for batch in real)


def test_every_length_of_the_samples_is_run() -> None:
    real = [batch for batch in inputs_of(series_of(3, 4, 5, 6, 7, 8)) if batch.data == "real"]
    assert {batch.lengths["length"] for batch in real} == {3, 4, 5, 6, 7, 8}


def test_the_bounds_of_an_axis_are_asked_beside_the_samples_lengths() -> None:
    further = [batch for batch in inputs_of(series_of(5)) if batch.further]
    assert {batch.further for batch in further} == {"length"}
    assert {(batch.size, batch.lengths["length"]) for batch in further} == {
        *((size, length) for size in (1, 3) for length in (2, 21, 40)),
        *((1, length) for length in (3, 4, 6, 7, 8, 9)),
    }


def test_the_samples_lengths_are_asked_first() -> None:
    further = [bool(batch.further) for batch in inputs_of(series_of(5))]
    assert further == sorted(further)


def test_the_example_has_a_length_that_nothing_else_has() -> None:
    spec = series_of(2)  # the example's batch is 2 as well
    assert example(spec, read_samples(spec))["x"].shape == (2, 3)


def test_the_example_is_real_where_a_sample_has_such_a_length() -> None:
    spec = series_of(2, 7)
    assert example(spec, read_samples(spec))["x"].tolist() == [list(range(7))] * 2


def test_what_is_timed_is_clipped_to_the_largest_batch() -> None:
    spec = spec_of(Doubler, max_batch_size=20)
    timed = timed_batches(spec, read_samples(spec))
    assert {size: inputs["x"].shape for size, inputs in timed.items()} == {
        size: (size, WIDTH) for size in (1, 8, 20)
    }


def test_a_model_without_batching_is_timed_on_one_item() -> None:
    spec = spec_of(Doubler, max_batch_size=0)
    timed = timed_batches(spec, read_samples(spec))
    assert {size: inputs["x"].shape for size, inputs in timed.items()} == {1: (WIDTH,)}


def test_samples_may_be_tensors() -> None:
    found = inputs_of(spec_of(Doubler, samples=({"x": torch.ones(WIDTH)},)))
    assert found[0].inputs["x"].tolist() == [[1.0] * WIDTH]


def test_no_samples_are_refused() -> None:
    with pytest.raises(SpecError, match="has no samples"):
        read_samples(spec_of(Doubler, samples=()))


def test_a_sample_of_another_shape_is_refused() -> None:
    with pytest.raises(SpecError, match=r"\[1, 4\], where float32 \[4\] is declared"):
        read_samples(spec_of(Doubler, samples=({"x": np.ones((1, WIDTH), np.float32)},)))


def test_a_sample_with_other_names_is_refused() -> None:
    with pytest.raises(SpecError, match="has the inputs z, where x are declared"):
        read_samples(spec_of(Doubler, samples=({"z": np.ones(WIDTH, np.float32)},)))


def test_a_sample_beyond_the_bounds_of_an_axis_is_refused() -> None:
    with pytest.raises(SpecError, match=r"\[41\], where float32 \[length 2\.\.40\] is declared"):
        read_samples(series_of(41))


def test_a_sample_with_two_lengths_for_one_axis_is_refused() -> None:
    spec = spec_of(
        Doubler,
        inputs=(SERIES, TensorSpec(name="mask", dtype="bool", shape=(LENGTH,))),
        samples=({"x": np.ones(3, np.float32), "mask": np.ones(4, np.bool_)},),
    )
    with pytest.raises(SpecError, match="axis 'length' at 3 in 'x' and at 4 in 'mask'"):
        read_samples(spec)


def masked(*masks: list[int], steps: tuple[int, ...] = ()) -> ModelSpec:
    """A mask over an axis, and where `steps` are given a number of steps beside it."""
    mask = TensorSpec(name="x", dtype="int64", shape=(Axis(name="length", min=1, max=40),))
    samples = [{"x": np.array(values)} for values in masks]
    if not steps:
        return spec_of(Doubler, inputs=(mask,), samples=tuple(samples))
    counted = [{**s, "n": np.int64(n)} for s, n in zip(samples, steps, strict=True)]
    count = TensorSpec(name="n", dtype="int64", shape=())
    return spec_of(Doubler, inputs=(mask, count), samples=tuple(counted))


def test_a_random_mask_never_hides_all() -> None:
    spec = masked([1, 1, 1, 0, 0], [1, 1, 1])
    drawn = [row for batch in inputs_of(spec) for row in batch.inputs["x"]]
    assert min(len(row) for row in drawn) == 1
    assert all(row.any() for row in drawn)


def test_a_random_number_of_steps_is_no_more_than_there_are() -> None:
    spec = masked([1, 1, 1, 1, 1], [1, 1, 1], steps=(5, 3))
    for batch in inputs_of(spec):
        steps = batch.inputs["n"]
        assert steps.min() >= 1 and steps.max() <= batch.lengths["length"]


def test_a_random_place_among_the_steps_is_one_that_there_is() -> None:
    spec = masked([1, 1, 1, 1, 1], [1, 1, 1], steps=(4, 0))
    for batch in inputs_of(spec):
        assert batch.inputs["n"].max() < batch.lengths["length"]
