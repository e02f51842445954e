import subprocess
import sys

import pytest

from exporters.errors import SpecError
from exporters.spec import EXACT, TensorSpec, Tolerance
from tests.exporters.models import Doubler, X, spec_of


@pytest.mark.parametrize("name", ["stats", "a/b", "", "..", "ä", "a b"])
def test_a_name_that_cannot_be_served_is_refused(name: str) -> None:
    with pytest.raises(SpecError, match="cannot be served"):
        spec_of(Doubler, name=name)


def test_an_unknown_dtype_is_refused_with_those_known() -> None:
    with pytest.raises(SpecError, match=r"'float23' is not one of .*float32"):
        TensorSpec(name="x", dtype="float23", shape=(4,))


@pytest.mark.parametrize("shape", [(), (0,), (-1, 3)])
def test_a_shape_that_is_not_fixed_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(SpecError, match="at least 1"):
        TensorSpec(name="x", dtype="float32", shape=shape)


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
