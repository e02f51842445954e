"""Runs an ONNX model with ONNX Runtime: tensors by the names of the graph."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime

from stack.backends import onnx_bfloat16
from stack.backends.config import BackendError, ServedModel, TensorSpec
from stack.backends.reasons import one_line_reason
from stack.backends.threads import Threads

_CUDA = "CUDAExecutionProvider"
_TRITON_DTYPES = {
    "tensor(bool)": "BOOL",
    "tensor(uint8)": "UINT8",
    "tensor(uint16)": "UINT16",
    "tensor(uint32)": "UINT32",
    "tensor(uint64)": "UINT64",
    "tensor(int8)": "INT8",
    "tensor(int16)": "INT16",
    "tensor(int32)": "INT32",
    "tensor(int64)": "INT64",
    "tensor(float16)": "FP16",
    "tensor(bfloat16)": "BF16",
    "tensor(float)": "FP32",
    "tensor(double)": "FP64",
    "tensor(string)": "STRING",
}


class OnnxEngine:
    """A loaded `model.onnx` with numpy arrays in and out; inputs share Triton's memory."""

    def __init__(self, model: ServedModel, threads: Threads, triton: Any) -> None:
        self._triton = triton
        self._session = _load(model, threads)
        self._names = [spec.name for spec in model.inputs]
        self._dtypes = {spec.name: spec.dtype for spec in model.outputs}
        self._bfloat16_inputs = {spec.name for spec in model.inputs if spec.dtype == "BF16"}
        # The session's own `run` takes and returns numpy arrays, and numpy knows no BF16.
        self._run = self._run_values if _has_bfloat16(model) else self._session.run
        _compare("input", model.inputs, self._session.get_inputs())
        _compare("output", model.outputs, self._session.get_outputs())

    def read(self, tensor: Any) -> Any:
        """A view on Triton's memory; text is copied, since ONNX Runtime wants str, not bytes."""
        if self._bfloat16_inputs and tensor.name() in self._bfloat16_inputs:
            return onnx_bfloat16.bits_of_tensor(tensor)
        array = tensor.as_numpy()
        return _decoded(array) if array.dtype == np.object_ else array

    def join(self, arrays: Sequence[Any]) -> Any:
        """All rows, one after the other."""
        return np.concatenate(arrays)

    def run(self, inputs: Sequence[Any], wanted: Sequence[str]) -> dict[str, Any]:
        """Only the outputs asked for: ONNX Runtime skips what leads to no other."""
        given = zip(self._names, inputs, strict=True)
        feed = {name: array for name, array in given if array is not None}
        return dict(zip(wanted, self._run(wanted, feed), strict=True))

    def copy(self, array: Any) -> Any:
        return array.copy()

    def dtype_of(self, name: str, array: Any) -> str:
        """The type the graph declares, which ONNX Runtime keeps to; compared at load."""
        return self._dtypes[name]

    def write(self, name: str, array: Any) -> Any:
        """The array as an output of Triton; Triton copies it into shared memory itself.

        Not by DLPack, except for BF16: numpy's capsules meet a defect of the server, which writes
        an "exception ignored" to the log for every one of them.
        """
        if self._dtypes[name] == "BF16":
            return onnx_bfloat16.to_triton(name, array, self._triton)
        return self._triton.Tensor(name, array)

    def _run_values(self, wanted: Sequence[str], feed: Mapping[str, Any]) -> list[Any]:
        values = {
            name: onnx_bfloat16.to_value(array, is_bfloat16=name in self._bfloat16_inputs)
            for name, array in feed.items()
        }
        results = self._session.run_with_ort_values(wanted, values)
        return [onnx_bfloat16.from_value(result) for result in results]


def _has_bfloat16(model: ServedModel) -> bool:
    specs = (*model.inputs, *model.outputs)
    halves = [spec.name for spec in specs if spec.dtype == "BF16"]
    texts = [spec.name for spec in model.inputs if spec.dtype == "STRING"]
    if halves and texts:
        raise BackendError(
            f"'{halves[0]}' is BF16 and the input '{texts[0]}' is text, and ONNX Runtime takes "
            "no text beside BF16; export the model with FP16 or FP32 in place of BF16."
        )
    return bool(halves)


def _decoded(array: Any) -> Any:
    texts = [element.decode("utf-8") for element in array.ravel()]
    return np.array(texts, dtype=np.object_).reshape(array.shape)


def _load(model: ServedModel, threads: Threads) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads.intra_op
    options.inter_op_num_threads = threads.inter_op
    # Idle threads would spin on the cores that Triton's own threads need.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    providers = _providers(model)
    try:
        session = onnxruntime.InferenceSession(model.path, options, providers=providers)
    except Exception as error:
        raise BackendError(
            f"{model.path.name} is no model that ONNX Runtime {onnxruntime.__version__} loads "
            f"({one_line_reason(error)}); export the model again."
        ) from error
    _check_provider(model, session)
    return session


def _providers(model: ServedModel) -> list[Any]:
    if not model.on_gpu:
        return ["CPUExecutionProvider"]
    if _CUDA not in onnxruntime.get_available_providers():
        raise BackendError(
            "the configuration places an instance on a GPU, and this ONNX Runtime has no CUDA "
            "provider; set kind: KIND_CPU in configs/embedded.pbtxt, or install onnxruntime-gpu."
        )
    # CUDA's and cuDNN's libraries, which pip's packages of NVIDIA put where no loader looks.
    onnxruntime.preload_dlls()
    # By default float32 is rounded to TF32, and models are proved in float32.
    cuda = {"device_id": model.device_id, "use_tf32": 0}
    return [(_CUDA, cuda), "CPUExecutionProvider"]


def _check_provider(model: ServedModel, session: Any) -> None:
    """Where a library of CUDA is missing, ONNX Runtime says so in its log and takes the CPU."""
    if model.on_gpu and _CUDA not in session.get_providers():
        raise BackendError(
            "the configuration places an instance on a GPU, and ONNX Runtime cannot load its CUDA "
            "provider; Triton's log has its reason. Install the CUDA and cuDNN that it names, or "
            "set kind: KIND_CPU in configs/embedded.pbtxt."
        )


def _compare(kind: str, specs: Sequence[TensorSpec], nodes: Sequence[Any]) -> None:
    graph: Mapping[str, str] = {node.name: node.type for node in nodes}
    for spec in specs:
        if spec.name not in graph:
            raise BackendError(
                f"the configuration names the {kind} '{spec.name}', and the graph has "
                f"{', '.join(graph)}; correct the name in config.pbtxt."
            )
        dtype = _TRITON_DTYPES.get(graph[spec.name], graph[spec.name])
        if dtype != spec.dtype:
            raise BackendError(
                f"{kind} '{spec.name}' is {dtype} in the graph, and the configuration says "
                f"{spec.dtype}; correct data_type in config.pbtxt."
            )
