"""Static int8 quantisation of an ONNX graph, with the accuracy that it costs."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import (
    quant_pre_process,
)

from exporters.arrays import Array, Arrays, Runner
from exporters.capturing.samples import Item
from exporters.compiling.quiet import quiet
from exporters.declaring.import_path import raised
from exporters.errors import CompileError, ExportError, SpecError
from exporters.formats import Source
from exporters.spec import Interface, ModelSpec

# Where the arithmetic of a model is; other operations lose accuracy and gain nothing.
QUANTIZED = ("Conv", "Gemm", "MatMul")
CALIBRATION_SAMPLES = 512
# Of the size of an output's values. Where no one gave `answers`, nothing else says that the model
# still knows what it knew.
MAX_RMS_ERROR = 0.25
CALIBRATION_BATCH = 32


def quantize(
    source: Source, path: Path, load: Callable[[Path, Interface], Runner]
) -> dict[str, Any]:
    """Replaces the float32 file by an int8 one; returns what was quantised, and what it costs.

    Raises a `CompileError` where nothing could be quantised, or accuracy falls further than the
    spec allows.
    """
    groups = list(_groups(source))
    if not groups:
        raise CompileError(
            f"'{source.spec.name}' has no samples to calibrate int8 with. Give real inputs as "
            "`samples`, a hundred or more."
        )
    original = load(path, source.spec)
    before = [original(inputs) for inputs, _ in groups]
    _write(source, path, [inputs for inputs, _ in groups])
    shares = _quantized(source.spec.name, path)
    quantized = load(path, source.spec)
    after = [quantized(inputs) for inputs, _ in groups]
    return {"quantized": shares, **_cost(source, groups, before, after)}


class _Reader(CalibrationDataReader):
    def __init__(self, batches: Sequence[Arrays]) -> None:
        self._batches = iter(batches)

    def get_next(self) -> dict[str, Array] | None:
        batch = next(self._batches, None)
        return None if batch is None else dict(batch)


def _write(source: Source, path: Path, batches: Sequence[Arrays]) -> None:
    with tempfile.TemporaryDirectory(dir=path.parent) as directory:
        prepared = Path(directory) / "prepared.onnx"
        written = Path(directory) / "quantized.onnx"
        try:
            with quiet():
                # The graph has shapes already, and ORT's own inference gives up on attention.
                quant_pre_process(path, prepared, skip_symbolic_shape=True)
                quantize_static(
                    prepared,
                    written,
                    _Reader(batches),
                    quant_format=QuantFormat.QDQ,
                    op_types_to_quantize=list(QUANTIZED),
                    per_channel=True,
                    # 7 bits of weight: CPUs without VNNI add products of 8 bits in 16, which
                    # overflow silently.
                    reduce_range=True,
                    activation_type=QuantType.QUInt8,
                    weight_type=QuantType.QInt8,
                )
        except Exception as error:  # onnxruntime's exceptions have no common base
            reason = str(error).strip().partition("\n")[0]
            raise CompileError(
                f"'{source.spec.name}' cannot be quantised to int8: {reason or repr(error)} Export "
                "it as fp32."
            ) from error
        written.replace(path)


def _groups(source: Source) -> Iterator[tuple[Arrays, list[int]]]:
    """Batches of samples of equal shapes, with each one's place among the samples."""
    alike: dict[tuple[tuple[int, ...], ...], list[int]] = {}
    for index, item in enumerate(source.samples[:CALIBRATION_SAMPLES]):
        shapes = tuple(item[tensor.name].shape for tensor in source.spec.inputs)
        alike.setdefault(shapes, []).append(index)
    size = min(CALIBRATION_BATCH, source.spec.max_batch_size) or 1
    for indices in alike.values():
        for start in range(0, len(indices), size):
            chosen = indices[start : start + size]
            yield _collate(source, [source.samples[index] for index in chosen]), chosen


def _collate(source: Source, items: Sequence[Item]) -> Arrays:
    names = [tensor.name for tensor in source.spec.inputs]
    if not source.spec.batches:
        return {name: items[0][name] for name in names}
    return {name: np.stack([item[name] for item in items]) for name in names}


def _quantized(model: str, path: Path) -> dict[str, list[int]]:
    """For each kind of node, how many compute in int8, of how many; read from the file."""
    graph = onnx.load(path, load_external_data=False).graph
    dequantized = {
        output
        for node in graph.node
        if node.op_type == "DequantizeLinear"
        for output in node.output
    }
    shares: dict[str, list[int]] = {}
    for node in graph.node:
        if node.op_type in QUANTIZED:
            share = shares.setdefault(node.op_type, [0, 0])
            share[0] += set(node.input[:2]) <= dequantized
            share[1] += 1
    if not any(done for done, _ in shares.values()):
        raise CompileError(
            f"'{model}' would be no int8 model: none of its {', '.join(QUANTIZED)} operations "
            f"could be quantised (it has {sum(count for _, count in shares.values())}). Export it "
            "as fp32."
        )
    return shares


def _cost(
    source: Source,
    groups: Sequence[tuple[Arrays, list[int]]],
    before: Sequence[Arrays],
    after: Sequence[Arrays],
) -> dict[str, Any]:
    """Accuracy where the right classes are known; else how often both choose the same class."""
    lost: dict[str, Any] = {"rms_error": _rms_errors(before, after)}
    first = source.spec.outputs[0]
    if len(first.shape) != 1:
        _check_errors(source, lost["rms_error"])
        why = f"'{first.name}' has no one number for each class"
        return {"accuracy": None, "why_no_accuracy": why, **lost}
    chosen = np.concatenate([_classes(source, answer[first.name]) for answer in before])
    chosen_int8 = np.concatenate([_classes(source, answer[first.name]) for answer in after])
    lost["agreement"] = _share(chosen == chosen_int8)
    answers = _answers(source, before[0][first.name].shape[-1])
    if answers is None:
        _check_errors(source, lost["rms_error"])
        return {"accuracy": None, "why_no_accuracy": "the spec gives no `answers`", **lost}
    right = answers[np.concatenate([indices for _, indices in groups])]
    accuracy = {"fp32": _share(chosen == right), "int8": _share(chosen_int8 == right)}
    _check_drop(source, accuracy, len(right))
    return {"accuracy": accuracy, **lost}


def _rms_errors(before: Sequence[Arrays], after: Sequence[Arrays]) -> dict[str, float]:
    """For each output of fractions, the size of the error as a share of the size of the values."""
    errors: dict[str, float] = {}
    for name in before[0]:
        values = np.concatenate([answer[name].ravel() for answer in before]).astype(np.float64)
        others = np.concatenate([answer[name].ravel() for answer in after]).astype(np.float64)
        if before[0][name].dtype.kind == "f":
            error = float(np.linalg.norm(values - others) / (np.linalg.norm(values) or 1.0))
            errors[name] = round(error, 6)
    return errors


def _classes(source: Source, values: Array) -> Array:
    rows = values if source.spec.batches else values[np.newaxis]
    classes: Array = rows.argmax(axis=-1)
    return classes


def _answers(source: Source, classes: int) -> Array | None:
    answers = np.array(_given_answers(source.spec))
    if not answers.size:
        return None
    if len(answers) != len(source.samples):
        raise CompileError(
            f"'{source.spec.name}' has {len(source.samples)} samples and {len(answers)} answers. "
            "Give the right class of every sample, in the samples' order, or no answers."
        )
    if answers.min() < 0 or answers.max() >= classes:
        raise CompileError(
            f"'{source.spec.name}' has answers from {answers.min()} to {answers.max()}, and its "
            f"first output has the classes 0 to {classes - 1}. Give the right class of every "
            "sample by its place in that output."
        )
    return answers


def _given_answers(spec: ModelSpec) -> list[int]:
    try:
        given = spec.answers() if callable(spec.answers) else spec.answers
        return [int(answer) for answer in given]
    except ExportError:
        raise
    except Exception as error:  # whatever the author's code raises
        raise SpecError(
            f"`answers` of '{spec.name}' fails: {raised(error)} It must return the right class of "
            "every sample, as whole numbers."
        ) from error


def _check_drop(source: Source, accuracy: dict[str, float], count: int) -> None:
    drop, allowed = accuracy["fp32"] - accuracy["int8"], source.spec.max_accuracy_drop
    if drop > allowed:
        raise CompileError(
            f"'{source.spec.name}' knows {accuracy['fp32']:.2%} of {count} samples in fp32 and "
            f"{accuracy['int8']:.2%} in int8, a drop of {drop:.2%} where {allowed:.2%} is allowed. "
            "Give more samples to calibrate with, raise max_accuracy_drop, or export it as fp32."
        )


def _check_errors(source: Source, errors: dict[str, float]) -> None:
    for output, error in errors.items():
        if error > MAX_RMS_ERROR:
            raise CompileError(
                f"'{source.spec.name}' in int8 is off by {error:.0%} of the size of '{output}' "
                f"(root mean square over the samples), where {MAX_RMS_ERROR:.0%} is allowed. Give "
                "more samples to calibrate with, or the right classes as `answers`, whose accuracy "
                "then decides, or export it as fp32."
            )


def _share(hits: Array) -> float:
    return round(float(np.mean(hits)), 6)
