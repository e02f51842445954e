from functools import partial

import pytest
from torch import nn

from exporters.capture import capture
from exporters.errors import SpecError
from exporters.spec import TensorSpec
from tests.exporters.models import (
    WIDTH,
    Centred,
    Doubler,
    FixedBatch,
    MeanOverBatch,
    NotFinite,
    ReturnsText,
    SumAndDifference,
    spec_of,
)


def test_the_example_has_a_batch_of_two() -> None:
    captured = capture(spec_of(Doubler))
    assert [tensor.shape for tensor in captured.example] == [(2, WIDTH)]


def test_a_model_that_takes_one_batch_size_only_is_refused() -> None:
    with pytest.raises(SpecError, match="fails at batch 1 on real inputs: shape"):
        capture(spec_of(FixedBatch))


def test_an_output_of_another_shape_than_declared_is_refused() -> None:
    wide = TensorSpec(name="y", dtype="float32", shape=(WIDTH + 1,))
    with pytest.raises(SpecError, match=r"\[1, 4\] at batch 1, where float32 \[1, 5\]"):
        capture(spec_of(Doubler, outputs=(wide,)))


def test_a_model_that_mixes_the_items_of_a_batch_is_refused() -> None:
    with pytest.raises(SpecError, match="mixes the items of a batch: output 'y'"):
        capture(spec_of(Centred))


def test_a_model_without_batching_may_mix_what_it_likes() -> None:
    assert capture(spec_of(Centred, max_batch_size=0)).questions


def test_an_output_without_a_batch_is_refused() -> None:
    with pytest.raises(SpecError, match="the first dimension of every output is the batch"):
        capture(spec_of(MeanOverBatch))


def test_nan_from_the_model_itself_is_refused() -> None:
    with pytest.raises(SpecError, match="returns 4 values of 'y' that are NaN"):
        capture(spec_of(NotFinite))


def test_a_model_that_returns_no_tensor_is_refused() -> None:
    with pytest.raises(SpecError, match="returns str; only a tensor"):
        capture(spec_of(ReturnsText))


def test_a_model_with_fewer_outputs_than_declared_is_refused() -> None:
    more = tuple(TensorSpec(name=name, dtype="float32", shape=(WIDTH,)) for name in "yz")
    with pytest.raises(SpecError, match="returns 1 outputs and declares 2"):
        capture(spec_of(Doubler, outputs=more))


def test_inputs_in_another_order_than_forward_are_refused() -> None:
    tensors = [TensorSpec(name=name, dtype="float32", shape=(1,)) for name in ("right", "left")]
    with pytest.raises(SpecError, match="`forward` takes left, right"):
        capture(spec_of(SumAndDifference, inputs=tensors))


def test_training_mode_ends_before_capture() -> None:
    captured = capture(spec_of(lambda: nn.Dropout(0.9).train()))
    assert not captured.module.training


def test_the_hash_of_the_weights_follows_their_values() -> None:
    def constant(value: float) -> nn.Module:
        layer = nn.Linear(WIDTH, WIDTH)
        nn.init.constant_(layer.weight, value)
        nn.init.constant_(layer.bias, value)
        return layer

    hashes = [
        capture(spec_of(partial(constant, value))).weights_sha256 for value in (0.0, 0.0, 1.0)
    ]
    assert hashes[0] == hashes[1] != hashes[2]
