"""A GPU instance is refused where it would run on the CPU."""

from pathlib import Path

import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from stack.backends.config import BackendError, ServedModel, TensorSpec
from stack.backends.onnx_engine import OnnxEngine
from stack.backends.threads import Threads


def served_on_gpu(folder: Path) -> ServedModel:
    path = folder / "model.onnx"
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "same", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(model, path)
    return ServedModel(
        name="same",
        path=path,
        inputs=(TensorSpec("x", "FP32", (2,)),),
        outputs=(TensorSpec("y", "FP32", (2,)),),
        max_batch_size=0,
        parameters={},
        instance_count=1,
        instance_kind="GPU",
        device_id=0,
    )


def test_an_onnxruntime_without_cuda_is_named_as_the_reason(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=r"^the configuration places .+ has no CUDA provider"):
        OnnxEngine(served_on_gpu(tmp_path), Threads(1, 1), triton=None)


@pytest.mark.filterwarnings("ignore:Specified provider 'CUDAExecutionProvider'")
def test_a_cuda_provider_that_does_not_load_is_no_silent_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    providers = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: providers)
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None)
    with pytest.raises(BackendError, match="cannot load its CUDA provider; Triton's log has its"):
        OnnxEngine(served_on_gpu(tmp_path), Threads(1, 1), triton=None)
