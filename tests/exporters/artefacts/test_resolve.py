from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from exporters.artefacts import Draft, Found
from exporters.artefacts.resolve import Answers, asks, resolve
from exporters.declaring.tensor_text import parse_axis, parse_tensor
from exporters.errors import SpecError
from exporters.spec import ANY, Axis, Interface, TensorSpec

LENGTH = Axis(name="length", min=1, max=512)
FOUND = Found(
    path=Path("m.onnx"),
    format="onnx",
    inputs=(Draft("ids", "int64", ("N", "length")), Draft("scale", "float32", ("N",))),
    outputs=(Draft("rows", "float32", ("N", "length", 2)), Draft("found", "int64", ("N", "k"))),
    said="made by hand",
)
SILENT = replace(
    FOUND,
    format="torchscript",
    inputs=(Draft("x"),),
    outputs=(Draft("output_0"), Draft("output_1")),
)
FIXED = replace(
    FOUND, inputs=(Draft("x", "float32", (1, 4)),), outputs=(Draft("y", "float32", ("N", 4)),)
)


def answers(
    *inputs: str, outputs: tuple[str, ...] = (), axes: tuple[str, ...] = (), **more: Any
) -> Answers:
    given, shown = map(parse_tensor, inputs), map(parse_tensor, outputs)
    return Answers(
        inputs={tensor.name: tensor for tensor in given},
        outputs={tensor.name: tensor for tensor in shown},
        axes={axis.name: axis for axis in map(parse_axis, axes)},
        **more,
    )


def resolved(found: Found, given: Answers) -> Interface:
    return resolve(found, "net", given, "conch add m.onnx --name net")


def test_what_the_file_does_not_say_is_asked_for_by_name() -> None:
    assert asks(FOUND) == ("--max-batch-size 32", "--axis length=1..512")
    assert asks(SILENT) == ("--input 'x:float32[3,224,224]'", "--max-batch-size 32")
    assert asks(FIXED) == ()


def test_the_question_is_the_command_to_type() -> None:
    with pytest.raises(
        SpecError, match=r"conch add m\.onnx --name net --max-batch-size 32 --axis length=1\.\.512$"
    ):
        resolved(FOUND, Answers())


def test_dimensions_of_the_file_become_batch_axes_and_numbers() -> None:
    interface = resolved(FOUND, answers(axes=("length=1..512",), max_batch_size=8))
    assert interface.inputs == (
        TensorSpec(name="ids", dtype="int64", shape=(LENGTH,)),
        TensorSpec(name="scale", dtype="float32", shape=()),
    )
    assert interface.outputs == (
        TensorSpec(name="rows", dtype="float32", shape=(LENGTH, 2)),
        TensorSpec(name="found", dtype="int64", shape=(ANY,)),
    )
    assert interface.max_batch_size == 8


def test_a_given_input_names_the_axis_of_the_outputs_too() -> None:
    interface = resolved(FOUND, answers("ids:int64[words=2..9]", max_batch_size=8))
    assert interface.outputs[0].shape == (Axis(name="words", min=2, max=9), 2)


def test_a_dimension_may_be_given_one_length() -> None:
    interface = resolved(FOUND, answers("ids:int64[7]", max_batch_size=8))
    assert interface.outputs[0].shape == (7, 2)


def test_without_batches_the_first_dimension_is_an_axis() -> None:
    given = answers(axes=("length=1..512", "N=1..4"), max_batch_size=0)
    interface = resolved(FOUND, given)
    assert interface.inputs[1].shape == (Axis(name="N", min=1, max=4),)
    assert interface.max_batch_size == 0


def test_bounds_of_the_file_are_not_asked_for() -> None:
    interface = resolved(replace(FOUND, bounds={"N": (1, 16), "length": (1, 512)}), Answers())
    assert interface.max_batch_size == 16
    assert interface.inputs[0].shape == (LENGTH,)


def test_a_file_that_says_no_shapes_takes_those_that_are_given() -> None:
    interface = resolved(SILENT, answers("x:float32[3]", max_batch_size=4))
    assert interface.inputs == (TensorSpec(name="x", dtype="float32", shape=(3,)),)
    assert [output.name for output in interface.outputs] == ["output_0", "output_1"]


def test_outputs_without_names_in_the_file_take_given_ones_by_position() -> None:
    given = answers("x:float32[3]", outputs=("a:float32[3]", "b:int64[]"), max_batch_size=4)
    assert [output.name for output in resolved(SILENT, given).outputs] == ["a", "b"]


@pytest.mark.parametrize(
    ("found", "given", "message"),
    [
        (FIXED, {"max_batch_size": 4}, r"takes no batches: 'x' is float32 \[1, 4\] in it"),
        (FOUND, {"axes": ("lenght=1..5",)}, "--axis names 'lenght'.*Close to it: length"),
        (FOUND, {"inputs": ("id:int64[3]",)}, "--input names 'id'.*Close to it: ids"),
        (
            FOUND,
            {"inputs": ("ids:int32[3]",), "max_batch_size": 4},
            r"is not what m\.onnx says: it has ids:int64\[length\]",
        ),
        (
            FOUND,
            {"inputs": ("ids:int64[3,4]",), "max_batch_size": 4},
            r"is not what m\.onnx says",
        ),
        (
            FOUND,
            {"outputs": ("row:float32[2]",), "axes": ("length=1..5",), "max_batch_size": 4},
            "--output names 'row'.*Close to it: rows",
        ),
        (
            SILENT,
            {"inputs": ("x:float32[3]",), "outputs": ("a:float32[3]",), "max_batch_size": 4},
            "returns 2 tensors, and --output names 1",
        ),
        (
            replace(FOUND, bounds={"N": (1, 8), "length": (1, 5)}),
            {"max_batch_size": 9},
            "takes batches up to 8, not 9",
        ),
        (
            replace(FOUND, bounds={"N": (2, 8), "length": (1, 5)}),
            {},
            r"batches of 2 and more.*Dim\('batch', min=1",
        ),
    ],
)
def test_what_the_file_contradicts_is_refused(
    found: Found, given: dict[str, Any], message: str
) -> None:
    fields = {key: value for key, value in given.items() if key != "inputs"}
    with pytest.raises(SpecError, match=message):
        resolved(found, answers(*given.get("inputs", ()), **fields))
