"""Calls NVIDIA ModelOpt, which lives in a virtual environment of its own, as a process.

It brings `onnxruntime-gpu`, which overwrites the `onnxruntime` that proves artefacts here.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np

from exporters.arrays import Array
from exporters.errors import CompileError, HostError
from exporters.formats import Source

VARIABLE = "CONCH_MODELOPT_PYTHON"
VERSION = "0.47.0"
CREATE = (
    'python3 -m venv ~/.venv-modelopt && ~/.venv-modelopt/bin/pip install "nvidia-modelopt[onnx]'
    f'=={VERSION}" && export {VARIABLE}=~/.venv-modelopt/bin/python'
)
# Quantisation of a large model calibrates on the CPU and may take long; a hang may not.
TIMEOUT_S = 3600
# More samples than this change the scales no more, and each is run on the CPU.
CALIBRATION_SAMPLES = 512


def configured() -> Path | None:
    """ModelOpt's Python, if one is named; a `HostError` if the name leads nowhere."""
    named = os.environ.get(VARIABLE)
    if not named:
        return None
    python = Path(named).expanduser()
    if not os.access(python, os.X_OK):
        raise HostError(
            f"{VARIABLE} names {python}, and that is no program that can be run. Make the "
            f"environment anew, or unset the variable: {CREATE}"
        )
    return python


def require(precision: str) -> Path:
    python = configured()
    if python is None:
        raise HostError(
            f"Precision {precision} needs NVIDIA ModelOpt, in a virtual environment of its own "
            f"that {VARIABLE} names. Run: {CREATE}"
        )
    return python


def autocast(python: Path, onnx: Path, precision: str) -> Path:
    """A file beside `onnx` whose nodes compute in fp16 or bf16 where that is safe."""
    written = onnx.with_name(f"{onnx.stem}-{precision}.onnx")
    _run(
        python,
        "modelopt.onnx.autocast",
        f"--onnx_path={onnx}",
        f"--output_path={written}",
        f"--low_precision_type={precision}",
        "--keep_io_types",
    )
    return written


def quantize(python: Path, onnx: Path, source: Source) -> Path:
    """A file beside `onnx` with int8 or fp8 Q/DQ nodes, scaled by the source's samples."""
    written = onnx.with_name(f"{onnx.stem}-{source.precision}.onnx")
    calibration = onnx.with_name("calibration.npz")
    np.savez(calibration, **calibration_arrays(source))
    _run(
        python,
        "modelopt.onnx.quantization",
        f"--onnx_path={onnx}",
        f"--output_path={written}",
        f"--quantize_mode={source.precision}",
        f"--calibration_data_path={calibration}",
        "--calibration_eps=cpu",
        "--high_precision_dtype=fp16",
    )
    return written


def calibration_arrays(source: Source) -> dict[str, Array]:
    """Inputs with all samples along their first dimension, as ModelOpt reads them.

    Samples of other lengths than the first one's cannot stand in the same array and are left out.
    """
    if not source.samples:
        raise CompileError(
            f"'{source.spec.name}' has no samples to calibrate {source.precision} with. Give real "
            "inputs as `samples`."
        )
    first = source.samples[0]
    alike = [
        sample
        for sample in source.samples
        if all(sample[name].shape == first[name].shape for name in first)
    ][:CALIBRATION_SAMPLES]
    join = np.stack if source.spec.batches else np.concatenate
    return {name: join([sample[name] for sample in alike]) for name in first}


def _run(python: Path, module: str, *arguments: str) -> None:
    try:
        done = subprocess.run(
            [python, "-m", module, *arguments], capture_output=True, text=True, timeout=TIMEOUT_S
        )
    except subprocess.TimeoutExpired as error:
        raise CompileError(
            f"NVIDIA ModelOpt ({module}) did not end within {TIMEOUT_S} s. Give fewer samples, or "
            "choose another precision."
        ) from error
    if done.returncode:
        last = (done.stderr or done.stdout).strip().rpartition("\n")[2]
        raise CompileError(
            f"NVIDIA ModelOpt ({module}) failed: {last} Check that it runs by itself: {python} -m "
            f"{module} --help"
        )
