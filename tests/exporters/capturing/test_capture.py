from collections import OrderedDict
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from torch import nn

from exporters.capturing.calling import call
from exporters.capturing.capture import capture
from exporters.errors import SpecError
from exporters.spec import Axis, ModelSpec, TensorSpec
from tests.exporters.models import (
    WIDTH,
    CachesOnce,
    Centred,
    CountsCalls,
    Doubler,
    DropsAlways,
    EvenOnly,
    FixedBatch,
    Flattened,
    HeardOverTheLoudest,
    KeepsHidden,
    KeepsTraining,
    MeanOverBatch,
    MixesTheFirst,
    NamedResults,
    NamedTupleResults,
    Normalised,
    NotFinite,
    Remembers,
    RemembersTheLargest,
    ReturnsText,
    RootOfProduct,
    SkipsAnArgument,
    SumAndDifference,
    WholeNumbersOnly,
    WritesIntoItsInput,
    spec_of,
)


def two_and_two(build: type[nn.Module]) -> ModelSpec:
    """Of `left` and `right` to `total` and `gap`."""
    one = {"dtype": "float32", "shape": (1,)}
    return spec_of(
        build,
        inputs=[TensorSpec(name=name, **one) for name in ("left", "right")],
        outputs=[TensorSpec(name=name, **one) for name in ("total", "gap")],
        samples=({"left": np.ones(1, np.float32), "right": np.zeros(1, np.float32)},),
    )


def test_the_example_has_a_batch_of_two() -> None:
    captured = capture(spec_of(Doubler))
    assert [tensor.shape for tensor in captured.example] == [(2, WIDTH)]


def test_a_model_that_takes_one_batch_size_only_is_refused() -> None:
    with pytest.raises(SpecError, match="fails at batch 1 on real inputs: shape"):
        capture(spec_of(FixedBatch))


def test_an_output_of_another_shape_than_declared_is_refused() -> None:
    wide = TensorSpec(name="y", dtype="float32", shape=(WIDTH + 1,))
    with pytest.raises(
        SpecError, match=r"\[1, 4\] at batch 1 on real inputs, where float32 \[1, 5\]"
    ):
        capture(spec_of(Doubler, outputs=(wide,)))


def test_a_model_that_mixes_the_items_of_a_batch_is_refused() -> None:
    with pytest.raises(SpecError, match="mixes the items of a batch: output 'y'"):
        capture(spec_of(Centred))


def test_an_item_that_is_measured_against_a_louder_one_is_refused() -> None:
    with pytest.raises(SpecError, match="mixes the items of a batch: output 'y'"):
        capture(spec_of(HeardOverTheLoudest))


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


@pytest.mark.parametrize("build", [MixesTheFirst, Centred])
def test_the_first_and_the_last_item_are_compared_alone(build: type[nn.Module]) -> None:
    with pytest.raises(SpecError, match="mixes the items of a batch"):
        capture(spec_of(build))


def test_an_output_of_batch_times_length_is_refused() -> None:
    flat = TensorSpec(name="y", dtype="float32", shape=(1,))
    with pytest.raises(SpecError, match=r"\[4, 1\] .+ its first dimension is not the batch"):
        capture(spec_of(Flattened, outputs=(flat,)))


def test_a_module_that_writes_into_its_input_does_not_change_the_question() -> None:
    question = capture(spec_of(WritesIntoItsInput)).questions[0]
    assert question.batch.inputs["x"].tolist() == [[0, 1, 2, 3]]
    assert question.expected["y"].tolist() == [[1, 2, 3, 4]]


def test_a_buffer_that_a_call_changes_is_named() -> None:
    with pytest.raises(SpecError, match="keeps state between calls: each call changes 'calls'"):
        capture(spec_of(CountsCalls))


def test_without_batching_a_buffer_that_changes_no_answer_may_change() -> None:
    assert capture(spec_of(CountsCalls, max_batch_size=0)).questions


@pytest.mark.parametrize("batching", [0, 4])
def test_state_that_no_buffer_holds_is_refused(batching: int) -> None:
    with pytest.raises(SpecError, match="keeps state between calls: two calls"):
        capture(spec_of(Remembers, max_batch_size=batching))


def test_state_that_shows_only_after_other_questions_is_refused() -> None:
    # With batches it would be refused before: an item alone is not what it is in company.
    with pytest.raises(SpecError, match="'y' of the first question is another one"):
        capture(spec_of(RemembersTheLargest, max_batch_size=0))


def test_what_the_first_call_caches_is_no_state() -> None:
    assert capture(spec_of(CachesOnce)).questions


def test_a_module_that_draws_random_numbers_is_refused() -> None:
    with pytest.raises(SpecError, match="is nondeterministic"):
        capture(spec_of(DropsAlways))


def test_layers_left_in_training_mode_are_switched_and_named() -> None:
    captured = capture(spec_of(Normalised))
    assert captured.notes[0].startswith("'norm', 'drop' stood in training mode")


def test_a_module_in_evaluation_mode_needs_no_note() -> None:
    assert capture(spec_of(lambda: Normalised().eval())).notes == ()
    assert capture(spec_of(Doubler)).notes == ()


def test_a_module_that_stays_in_training_mode_is_refused() -> None:
    with pytest.raises(SpecError, match=r"stays in training mode after eval\(\): 'itself'"):
        capture(spec_of(KeepsTraining))


@pytest.mark.parametrize("build", [NamedResults, NamedTupleResults])
def test_named_results_go_to_the_outputs_of_their_names(build: type[nn.Module]) -> None:
    spec = two_and_two(build)
    captured = capture(spec)
    question = captured.questions[0]
    assert (question.expected["total"], question.expected["gap"]) == (1, 1)
    inputs = {"left": np.full((1, 1), 5, np.float32), "right": np.full((1, 1), 3, np.float32)}
    assert call(captured.module, spec, inputs) == {"total": 8, "gap": 2}


def test_a_mapping_with_other_keys_is_refused() -> None:
    spec = two_and_two(NamedResults)
    other = (spec.outputs[0], TensorSpec(name="rest", dtype="float32", shape=(1,)))
    with pytest.raises(SpecError, match="keys gap, total, where the outputs total, rest"):
        capture(spec.model_copy(update={"outputs": other}))


def test_nan_on_random_inputs_is_an_answer_like_any_other() -> None:
    questions = capture(spec_of(WholeNumbersOnly)).questions
    for question in questions:
        nan = np.isnan(question.expected["y"]).any()
        assert nan == (question.batch.data != "real")


def test_random_inputs_that_have_no_answer_are_drawn_again() -> None:
    # In the samples the first and the last value have one sign; random ones need not.
    samples = tuple({"x": np.full(WIDTH, value, np.float32)} for value in (-1, 1))
    root = TensorSpec(name="y", dtype="float32", shape=(1,))
    spec = spec_of(RootOfProduct, outputs=(root,), samples=samples, max_batch_size=0)
    answers = [question.expected["y"] for question in capture(spec).questions]
    assert np.isfinite(answers).all()


def test_a_length_that_the_model_does_not_take_is_refused() -> None:
    length = Axis(name="length", min=2, max=9)
    spec = spec_of(
        EvenOnly,
        inputs=(TensorSpec(name="x", dtype="float32", shape=(length,)),),
        outputs=(TensorSpec(name="y", dtype="float32", shape=(1,)),),
        samples=({"x": np.ones(4, np.float32)},),
    )
    with pytest.raises(SpecError, match=r"fails at batch 1 and length 9 .+ narrow its bounds"):
        capture(spec)


def test_an_axis_too_long_to_be_proved_whole_is_noted() -> None:
    length = Axis(name="length", min=1, max=100_000)
    series = {"dtype": "float32", "shape": (length,)}
    spec = spec_of(
        Doubler,
        inputs=(TensorSpec(name="x", **series),),
        outputs=(TensorSpec(name="y", **series),),
        samples=({"x": np.ones(4, np.float32)},),
    )
    assert capture(spec).notes == (
        "Axis 'length' was proved up to 1,024 of 100,000; a sample that is longer has the proof "
        "go further.",
    )


def test_an_argument_left_out_between_two_inputs_is_refused() -> None:
    inputs = [TensorSpec(name=name, dtype="float32", shape=(WIDTH,)) for name in ("x", "shift")]
    with pytest.raises(SpecError, match="`forward` takes x, scale, shift"):
        capture(spec_of(SkipsAnArgument, inputs=inputs))


@pytest.mark.parametrize(
    "build",
    [lambda: nn.LazyLinear(WIDTH), lambda: nn.Linear(WIDTH, WIDTH, device="meta")],
    ids=["lazy", "meta"],
)
def test_a_module_without_its_weights_is_refused(build: Callable[[], nn.Module]) -> None:
    with pytest.raises(SpecError, match="has no values for 'weight' yet"):
        capture(spec_of(build))


def test_state_in_a_plain_attribute_is_named() -> None:
    with pytest.raises(SpecError, match=r"each call changes 'cell\.hidden'"):
        capture(spec_of(lambda: nn.Sequential(OrderedDict(cell=KeepsHidden()))))
