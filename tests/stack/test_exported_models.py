"""What was exported and proved is also right when real Triton serves it to several clients.

Batches and lengths are others than those of the proof.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
import tritonclient.http as client
from tritonclient.utils import np_to_triton_dtype

from exporters.candidate import Wanted
from exporters.describing.wire import wire_interface
from exporters.flow import export
from exporters.formats import load_format
from exporters.spec import Axis, ModelSpec, TensorSpec
from tests.exporters.format_models import MODELS
from tests.stack.running_triton import RunningTriton, running_triton

# AOTInductor takes long to compile: the model with scalar outputs stands for all.
SERVED = [
    *((name, "onnx") for name in MODELS),
    ("detector", "torchscript"),
    ("tagger", "torchscript"),
    ("detector", "aoti"),
]
BATCHES, LENGTHS, CLIENTS = (1, 5, 7), (5, 9, 31), 6

Arrays = Mapping[str, np.ndarray[Any, Any]]


def named(name: str, format: str) -> ModelSpec:
    return MODELS[name].model_copy(update={"name": f"{name}_{format}"})


@pytest.fixture(scope="module")
def triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningTriton]:
    folder = tmp_path_factory.mktemp("exported")
    for name, format in SERVED:
        export(named(name, format), Wanted(format=format), repository=folder / "models")
    with running_triton(folder / "models", folder / "state") as running:
        assert running.report.broken == ()
        yield running


@pytest.mark.parametrize(("name", "format"), SERVED)
def test_served_answers_are_the_models_own(triton: RunningTriton, name: str, format: str) -> None:
    spec = named(name, format)
    questions = [
        inputs_of(spec, batch, length, seed=batch * length)
        for batch in BATCHES
        for length in (LENGTHS if spec.axes else LENGTHS[:1])
        for _ in range(2)
    ]
    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(pool.map(lambda inputs: ask(triton, spec, format, inputs), questions))
    module = spec.build()  # type: ignore[operator]
    for inputs, answer in zip(questions, answers, strict=True):
        expected = eager(module, spec, inputs)
        for output in spec.outputs:
            np.testing.assert_allclose(
                answer[output.name], expected[output.name], *reversed(output.accepted)
            )


def inputs_of(spec: ModelSpec, batch: int, length: int, *, seed: int) -> Arrays:
    random = np.random.default_rng(seed)
    return {tensor.name: values_of(tensor, batch, length, random) for tensor in spec.inputs}


def values_of(
    tensor: TensorSpec, batch: int, length: int, random: np.random.Generator
) -> np.ndarray[Any, Any]:
    shape = (batch, *(length if isinstance(size, Axis) else size for size in tensor.shape))
    if tensor.dtype == "bool":
        shown = random.random(shape) < 0.7
        shown[:, 0] = True
        return shown
    if tensor.dtype.startswith("int"):
        return random.integers(0, 4, size=shape).astype(tensor.dtype)
    return random.normal(size=shape).astype(tensor.dtype)


def ask(triton: RunningTriton, spec: ModelSpec, format: str, inputs: Arrays) -> Arrays:
    """By the names that clients use; a number for each item travels as a list of one."""
    wire = wire_interface(spec.interface, load_format(format))
    tensors = []
    for declared, served in zip(spec.inputs, wire.inputs, strict=True):
        values = inputs[declared.name]
        tensor = client.InferInput(served.name, values.shape, np_to_triton_dtype(values.dtype))
        tensor.set_data_from_numpy(values)
        tensors.append(tensor)
    with client.InferenceServerClient(triton.http_address) as connection:
        result = connection.infer(spec.name, tensors)
    return {
        declared.name: result.as_numpy(served.name).reshape(
            result.as_numpy(served.name).shape[: len(declared.shape) + 1]
        )
        for declared, served in zip(spec.outputs, wire.outputs, strict=True)
    }


def eager(module: torch.nn.Module, spec: ModelSpec, inputs: Arrays) -> Arrays:
    with torch.inference_mode():
        returned = module(*(torch.from_numpy(inputs[tensor.name]) for tensor in spec.inputs))
    results = returned if isinstance(returned, tuple) else (returned,)
    return {
        tensor.name: result.numpy() for tensor, result in zip(spec.outputs, results, strict=True)
    }
