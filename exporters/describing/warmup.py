"""The requests that Triton runs through a model before it calls it ready."""

from tritonclient.grpc import model_config_pb2 as triton

from exporters.capturing.samples import Item
from exporters.spec import ModelSpec
from exporters.tensors import Interface, TensorSpec

# Where Triton looks for the files that `input_data_file` names.
FOLDER = "warmup"


def warmups(spec: ModelSpec, wire: Interface, item: Item | None) -> list[triton.ModelWarmup]:
    """Runs at batch 1 and at the largest, since the first run of either is slow."""
    if spec.warmup_runs == 0:
        return []
    return [
        triton.ModelWarmup(
            name=f"batch {size}",
            batch_size=size,
            count=spec.warmup_runs,
            inputs={
                served.name: _input(declared, served, item)
                for declared, served in zip(spec.inputs, wire.inputs, strict=True)
            },
        )
        for size in sorted({1, max(1, spec.max_batch_size)})
    ]


def warmup_files(spec: ModelSpec, wire: Interface, item: Item | None) -> dict[str, bytes]:
    """Path in the model's folder to the raw values of one item, for inputs that need real ones."""
    if item is None or spec.warmup_runs == 0:
        return {}
    return {
        f"{FOLDER}/{_filename(served)}": item[declared.name].tobytes()
        for declared, served in zip(spec.inputs, wire.inputs, strict=True)
        if _needs_real_values(declared)
    }


def _input(declared: TensorSpec, served: TensorSpec, item: Item | None) -> triton.ModelWarmup.Input:
    described = triton.ModelWarmup.Input(
        data_type=triton.DataType.Value(declared.triton_type), dims=_sizes(declared, item)
    )
    if item is not None and _needs_real_values(declared):
        described.input_data_file = _filename(served)
    else:
        # Triton's `random_data` is random bytes: NaN among floats.
        described.zero_data = True
    return described


def _sizes(tensor: TensorSpec, item: Item | None) -> list[int]:
    if item is not None:
        return list(item[tensor.name].shape) or [1]
    return [size if isinstance(size, int) else size.min for size in tensor.shape] or [1]


def _needs_real_values(tensor: TensorSpec) -> bool:
    """Zero is a number like any other for floats; as a length or an index it may be refused."""
    return not tensor.dtype.startswith("float")


def _filename(tensor: TensorSpec) -> str:
    return "".join(c if c.isalnum() or c in "._-" else "_" for c in tensor.name)
