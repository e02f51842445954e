"""A program stands in for ModelOpt's environment, which is too large to install for a test."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from exporters.errors import CompileError, HostError
from exporters.formats import Source
from exporters.tensorrt_parts import modelopt
from tests.exporters.models import spec_of
from tests.exporters.tensorrt_parts.small import Dense, compile_rtx, source_of

# Copies what it is given, and leaves its arguments beside it.
COPIES = """#!{python}
import json, shutil, sys
given = dict(argument.removeprefix("--").partition("=")[::2] for argument in sys.argv[3:])
shutil.copy(given["onnx_path"], given["output_path"])
open({told!r}, "w").write(json.dumps([sys.argv[2], given]))
"""
FAILS = """#!{python}
import sys
print("a line that says little", file=sys.stderr)
sys.exit("ValueError: no such operation")
"""


def pretend(monkeypatch: pytest.MonkeyPatch, directory: Path, program: str) -> Path:
    python, told = directory / "python", directory / "told.json"
    python.write_text(program.format(python=sys.executable, told=str(told)))
    python.chmod(0o755)
    monkeypatch.setenv(modelopt.VARIABLE, str(python))
    return told


@pytest.mark.parametrize("precision", ["int8", "fp8"])
def test_without_modelopt_its_precisions_are_refused_with_the_commands(
    precision: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(modelopt.VARIABLE, raising=False)
    commands = r"python3 -m venv .*pip install .*nvidia-modelopt\[onnx\]==[\d.]+"
    with pytest.raises(HostError, match=commands):
        compile_rtx(source_of(Dense, precision=precision), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_leads_nowhere_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(modelopt.VARIABLE, "/no/such/python")
    with pytest.raises(HostError, match="names /no/such/python, and that is no program"):
        modelopt.configured()


def test_a_graph_that_came_back_unchanged_is_not_taken_for_a_quantized_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = pretend(monkeypatch, tmp_path, COPIES)
    engine = tmp_path / "engine"
    engine.mkdir()
    with pytest.raises(CompileError, match=r"was to be built in int8, .* 1 in fp32"):
        compile_rtx(with_samples("int8"), engine)
    assert '"modelopt.onnx.quantization"' in told.read_text()
    assert '"quantize_mode": "int8"' in told.read_text()


def test_autocast_is_preferred_to_half_weights_where_modelopt_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = pretend(monkeypatch, tmp_path, COPIES)
    engine = tmp_path / "engine"
    engine.mkdir()
    with pytest.raises(CompileError, match="was to be built in fp16"):
        compile_rtx(with_samples("fp16"), engine)
    assert '"low_precision_type": "fp16"' in told.read_text()


def test_a_failure_of_modelopt_is_told_by_its_last_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, tmp_path, FAILS)
    with pytest.raises(CompileError, match="failed: ValueError: no such operation"):
        modelopt.autocast(tmp_path / "python", tmp_path / "model.onnx", "fp16")


def test_samples_are_stacked_for_a_model_that_batches() -> None:
    assert modelopt.calibration_arrays(with_samples("int8"))["x"].shape == (3, 4)


def test_samples_of_another_length_are_left_out() -> None:
    source = with_samples("int8")
    odd = {"x": np.ones(5, dtype=np.float32)}
    arrays = modelopt.calibration_arrays(replace(source, samples=(*source.samples, odd)))
    assert arrays["x"].shape == (3, 4)


def test_nothing_is_calibrated_without_samples() -> None:
    with pytest.raises(CompileError, match="no samples to calibrate int8 with"):
        modelopt.calibration_arrays(replace(with_samples("int8"), samples=()))


def with_samples(precision: str) -> Source:
    samples = tuple({"x": np.full(4, value, dtype=np.float32)} for value in range(3))
    return replace(source_of(Dense, spec_of(Dense), precision=precision), samples=samples)
