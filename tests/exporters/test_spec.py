import subprocess
import sys

import pytest

from exporters.errors import SpecError
from exporters.spec import Axis, TensorSpec, Tolerance
from exporters.tensors import EXACT
from tests.exporters.models import Doubler, X, spec_of


@pytest.mark.parametrize("name", ["stats", "a/b", "", "..", "ä", "a b"])
def test_a_name_that_cannot_be_served_is_refused(name: str) -> None:
    with pytest.raises(SpecError, match="cannot be served"):
        spec_of(Doubler, name=name)


def test_an_unknown_dtype_is_refused_with_those_known() -> None:
    with pytest.raises(SpecError, match=r"'float23' is not one of .*float32"):
        TensorSpec(name="x", dtype="float23", shape=(4,))


@pytest.mark.parametrize("shape", [(0,), (-2, 3)])
def test_a_shape_with_an_impossible_size_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(SpecError, match="at least 1"):
        TensorSpec(name="x", dtype="float32", shape=shape)


def test_an_input_without_bounds_is_refused() -> None:
    with pytest.raises(SpecError, match="Write an Axis with its bounds"):
        spec_of(Doubler, inputs=(TensorSpec(name="x", dtype="float32", shape=(-1,)),))


def test_one_axis_with_two_ranges_is_refused() -> None:
    shapes = [(Axis(name="length", max=8),), (Axis(name="length", max=9),)]
    inputs = [
        TensorSpec(name=name, dtype="float32", shape=shape)
        for name, shape in zip("ab", shapes, strict=True)
    ]
    with pytest.raises(SpecError, match="axis 'length' two ranges"):
        spec_of(Doubler, inputs=inputs)


def test_an_axis_of_one_length_is_refused() -> None:
    with pytest.raises(SpecError, match="from 4 to 4"):
        Axis(name="length", min=4, max=4)


def test_the_dims_of_an_axis_are_open() -> None:
    tensor = TensorSpec(name="x", dtype="float32", shape=(Axis(name="length", max=8), 3))
    assert tensor.dims == (-1, 3)


def test_a_name_used_twice_is_refused() -> None:
    with pytest.raises(SpecError, match="names x more than once"):
        spec_of(Doubler, inputs=(X, X))


def test_a_labelled_input_is_refused() -> None:
    labelled = TensorSpec(name="x", dtype="float32", shape=(2,), labels=("a", "b"))
    with pytest.raises(SpecError, match="only outputs have labels"):
        spec_of(Doubler, inputs=(labelled,))


def test_whole_numbers_tolerate_no_difference() -> None:
    assert TensorSpec(name="x", dtype="int64", shape=(1,)).accepted == EXACT


def test_a_tolerance_of_an_output_replaces_the_default() -> None:
    output = TensorSpec(name="y", dtype="float32", shape=(1,), tolerance=Tolerance(0.5, 0))
    assert output.accepted == Tolerance(0.5, 0)


@pytest.mark.parametrize("module", ["exporters.flow", "exporters.repository", "exporters.zoo"])
def test_importing_an_entry_point_loads_no_heavy_package(module: str) -> None:
    heavy = "{'torch', 'numpy', 'onnx', 'onnxruntime', 'tritonclient'}"
    program = f"import sys, {module}; print(sorted({heavy} & set(sys.modules)))"
    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "[]"


def test_as_many_labels_as_values_are_needed() -> None:
    with pytest.raises(SpecError, match="'y' has 3 values and 2 labels"):
        TensorSpec(name="y", dtype="float32", shape=(3,), labels=("a", "b"))
