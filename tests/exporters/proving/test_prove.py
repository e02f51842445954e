from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from torch import Tensor, nn

from exporters.arrays import Arrays
from exporters.capturing.capture import capture
from exporters.errors import HostError, ProofError, ToleranceError
from exporters.formats import Source, load_format
from exporters.manifest import ProofRow
from exporters.proving.prove import Proof, compare, prove
from exporters.spec import Axis, ModelSpec, TensorSpec, Tolerance
from tests.exporters.models import (
    WIDTH,
    Doubler,
    NamedResults,
    NamedTupleResults,
    OddAndEven,
    RunningTotal,
    WholeNumbersOnly,
    spec_of,
)

Model = Callable[[Arrays], Arrays]


def off_by(error: float) -> Model:
    return lambda inputs: {"y": inputs["x"] * 2 + np.float32(error)}


def rows_of(spec: ModelSpec, artefact: Model, format_name: str = "onnx") -> tuple[ProofRow, ...]:
    questions = capture(spec).questions
    answers = [artefact(question.batch.inputs) for question in questions]
    return compare(spec, questions, answers, format_name)


def proof_of(spec: ModelSpec, folder: Path, *, format_name: str = "torchscript") -> Proof:
    """Of the model's own artefact, without what an export checks before."""
    compiler = load_format(format_name)
    captured = capture(spec)
    artefact = folder / compiler.FILENAME
    compiler.compile(Source(captured.module, spec, captured.example), artefact)
    return prove(spec, captured, artefact, format_name, folder)


def series_of(build: type[nn.Module], *, shortest: int) -> ModelSpec:
    length = Axis(name="length", min=shortest, max=20)
    return spec_of(
        build,
        inputs=(TensorSpec(name="x", dtype="float32", shape=(length,)),),
        outputs=(TensorSpec(name="y", dtype="float32", shape=(2,)),),
        samples=({"x": np.arange(5, dtype=np.float32)},),
    )


def test_a_row_for_every_output_of_every_question() -> None:
    spec = spec_of(Doubler, max_batch_size=8)
    questions = capture(spec).questions
    rows = rows_of(spec, off_by(0))
    assert [(row.batch, row.data) for row in rows] == [
        (question.batch.size, question.batch.data) for question in questions
    ]


def test_the_errors_that_were_measured_are_recorded() -> None:
    tolerant = TensorSpec(name="y", dtype="float32", shape=(WIDTH,), tolerance=Tolerance(1, 0))
    row = rows_of(spec_of(Doubler, outputs=(tolerant,)), off_by(0.5))[0]
    # The sample is 0, 1, 2, 3, so the expected values are 0, 2, 4, 6: those above 1 count.
    assert (row.max_abs_error, row.max_rel_error, row.mismatch_share) == (0.5, 0.25, 0)
    assert (row.absolute_tolerance, row.relative_tolerance) == (1, 0)


def test_an_error_beyond_the_tolerance_names_output_batch_error_and_limit() -> None:
    with pytest.raises(ToleranceError, match=r"'y' is off by 0\.5 at batch 1 on real") as caught:
        rows_of(spec_of(Doubler), off_by(0.5))
    assert (caught.value.output, caught.value.batch, caught.value.error) == ("y", 1, 0.5)
    assert caught.value.limit == pytest.approx(1e-4)
    assert "100.00% of its values" in str(caught.value)


def test_a_wrong_value_in_one_row_of_the_largest_batch_is_seen() -> None:
    def wrong_in_the_last_row(inputs: Arrays) -> Arrays:
        y = inputs["x"] * 2
        y[3:] += 1
        return {"y": y}

    with pytest.raises(ToleranceError, match=r"at batch 4 .+ 25\.00% of its values"):
        rows_of(spec_of(Doubler), wrong_in_the_last_row)


def test_nan_from_the_artefact_alone_is_refused() -> None:
    with pytest.raises(ProofError, match="NaN or infinity for 4 values of 'y' at batch 1"):
        rows_of(spec_of(Doubler), off_by(float("nan")))


def test_nan_must_stand_where_the_model_has_it() -> None:
    def whole_only(inputs: Arrays) -> Arrays:
        x = inputs["x"]
        return {"y": np.where(x == np.round(x), x, np.float32("nan"))}

    spec = spec_of(WholeNumbersOnly)
    assert rows_of(spec, whole_only)
    with pytest.raises(ProofError, match=r"NaN or infinity for 0 values of 'y' .+ the model for 4"):
        rows_of(spec, lambda inputs: {"y": np.nan_to_num(whole_only(inputs)["y"])})


def test_another_type_from_the_artefact_is_refused() -> None:
    with pytest.raises(ProofError, match=r"'y' as float64 .+ where float32"):
        rows_of(spec_of(Doubler), lambda inputs: {"y": inputs["x"].astype(np.float64) * 2})


def test_a_length_that_only_the_artefact_gets_wrong_names_the_axis() -> None:
    def right_up_to_five(inputs: Arrays) -> Arrays:
        x = inputs["x"][:, :5]
        return {"y": np.stack([x.sum(axis=1), x.sum(axis=1)], axis=1)}

    with pytest.raises(ToleranceError, match="length 5 all was well: axis 'length' is"):
        rows_of(series_of(RunningTotal, shortest=2), right_up_to_five)


def test_the_saved_artefact_is_proved_and_timed(tmp_path: Path) -> None:
    proof = proof_of(spec_of(Doubler, max_batch_size=20), tmp_path)
    assert {row.max_abs_error for row in proof.rows} == {0}
    assert list(proof.latency_us) == ["1", "8", "20"]
    assert min(proof.latency_us.values()) > 0
    values = sum(row.batch * WIDTH for row in proof.rows)
    assert sum(proof.error_histogram["y"]) == proof.error_histogram["y"][0] == values


def test_the_folder_of_the_proof_is_gone_afterwards(tmp_path: Path) -> None:
    proof_of(spec_of(Doubler), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["model.pt"]


def test_a_loop_over_an_axis_that_tracing_unrolled_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ToleranceError, match=r"length 20 .+ try `--format onnx` .+ tracing keeps the way"
    ):
        proof_of(series_of(RunningTotal, shortest=5), tmp_path)


def test_a_way_that_only_every_other_length_takes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ToleranceError, match="length"):
        proof_of(series_of(OddAndEven, shortest=3), tmp_path)


def test_a_length_at_which_the_artefact_fails_names_the_axis(tmp_path: Path) -> None:
    with pytest.raises(
        ProofError, match=r"fails at batch 1 and length 2 .+ At length 5 all was well"
    ):
        proof_of(series_of(RunningTotal, shortest=2), tmp_path)


def test_a_batch_that_tracing_fixed_is_refused(tmp_path: Path) -> None:
    class FixedByItsExample(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            rows = int(x.shape[0])
            return x.reshape([rows, WIDTH]) * 2

    with pytest.raises(ProofError, match="fails at batch 1 on real inputs, where the model answ"):
        proof_of(spec_of(FixedByItsExample), tmp_path)


def test_an_artefact_that_cannot_be_loaded_is_refused(tmp_path: Path) -> None:
    artefact = tmp_path / "model.onnx"
    artefact.write_bytes(b"not a model")
    spec = spec_of(Doubler)
    with pytest.raises((ProofError, HostError), match=r"model\.onnx|cannot be loaded"):
        prove(spec, capture(spec), artefact, "onnx", tmp_path)


def test_a_number_for_each_item_is_proved(tmp_path: Path) -> None:
    one = {"dtype": "float32", "shape": ()}
    spec = spec_of(
        Doubler,
        inputs=(TensorSpec(name="x", **one),),
        outputs=(TensorSpec(name="y", **one),),
        samples=({"x": np.float32(0.5)},),
    )
    assert {row.max_abs_error for row in proof_of(spec, tmp_path).rows} == {0}


@pytest.mark.parametrize("build", [NamedResults, NamedTupleResults])
def test_outputs_with_names_are_proved_in_declared_order(
    tmp_path: Path, build: type[nn.Module]
) -> None:
    one = {"dtype": "float32", "shape": (1,)}
    spec = spec_of(
        build,
        inputs=[TensorSpec(name=name, **one) for name in ("left", "right")],
        outputs=[TensorSpec(name=name, **one) for name in ("total", "gap")],
        samples=({"left": np.ones(1, np.float32), "right": np.full(1, 3, np.float32)},),
    )
    assert {row.output for row in proof_of(spec, tmp_path).rows} == {"total", "gap"}
