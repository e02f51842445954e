import numpy as np
import pytest
import torch

from exporters.errors import SpecError
from exporters.samples import Batch, batches, read_samples
from exporters.spec import ModelSpec, TensorSpec
from tests.exporters.models import WIDTH, Doubler, Embedded, spec_of


def inputs_of(spec: ModelSpec) -> list[Batch]:
    return list(batches(spec, read_samples(spec)))


def test_a_model_without_batching_is_proved_on_items() -> None:
    found = inputs_of(spec_of(Doubler, max_batch_size=0))
    assert {batch.inputs["x"].shape for batch in found} == {(WIDTH,)}


def test_a_small_maximum_leaves_out_larger_batches() -> None:
    found = inputs_of(spec_of(Doubler, max_batch_size=2))
    assert [batch.size for batch in found] == [1, 1, 2, 2]


def test_random_inputs_are_fresh_but_the_same_each_time() -> None:
    first, second = (inputs_of(spec_of(Doubler)) for _ in range(2))
    assert all(
        np.array_equal(a.inputs["x"], b.inputs["x"]) for a, b in zip(first, second, strict=True)
    )
    random = [batch.inputs["x"] for batch in first if batch.data == "random"]
    assert not np.array_equal(random[0][0], random[1][0])


def test_random_indices_stay_in_the_range_of_the_samples() -> None:
    spec = spec_of(
        Embedded,
        inputs=(TensorSpec(name="index", dtype="int64", shape=(3,)),),
        samples=({"index": np.array([0, 4, 1])},),
    )
    drawn = np.concatenate([batch.inputs["index"].ravel() for batch in inputs_of(spec)])
    assert (drawn.min(), drawn.max()) == (0, 4)


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
