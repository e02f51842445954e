"""Writes the Triton configuration of a model, through Triton's own protobuf."""

from pathlib import Path
from typing import Any

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2 as triton

from exporters.capturing.samples import Item
from exporters.describing.warmup import warmup_files, warmups
from exporters.describing.wire import check_numbers, wire_interface
from exporters.formats import Format
from exporters.spec import ModelSpec
from exporters.tensors import Interface, TensorSpec

CONTAINER_CONFIG = "config.pbtxt"
EMBEDDED_CONFIG = "configs/embedded.pbtxt"
HEADER = "# Written by Conch for this model; what publishes its next version replaces it.\n"


# What runs an artefact that is compiled for one kind of device.
KINDS = {
    "torch_aoti": triton.ModelInstanceGroup.KIND_CPU,
    "tensorrt_plan": triton.ModelInstanceGroup.KIND_GPU,
}


def describe(spec: ModelSpec, format: Format, item: Item | None = None) -> dict[str, bytes]:
    """Path in the model's folder to content; the same spec and item give the same bytes.

    NVIDIA's container reads config.pbtxt. The embedded server is started with
    `--model-config-name=embedded` and reads configs/embedded.pbtxt. `item` is a real sample, whose
    values and lengths the warm-up takes.
    """
    wire = wire_interface(spec.interface, format)
    check_numbers(wire, format)
    container = _config(spec, format, wire, item)
    container.platform = format.PLATFORM
    container.instance_group[0].kind = KINDS.get(
        format.PLATFORM, triton.ModelInstanceGroup.KIND_AUTO
    )

    if format.BACKEND == "tensorrt":
        # Without a list Triton uses the first profile only.
        profiles = range(len(spec.tensorrt.profiles))
        container.instance_group[0].profile.extend(map(str, profiles))

    # The embedded server has its own backends, which it finds by name alone, and no GPU unless
    # someone writes another kind here by hand.
    embedded = _config(spec, format, wire, item)
    embedded.default_model_filename = format.FILENAME
    embedded.instance_group[0].kind = triton.ModelInstanceGroup.KIND_CPU
    # With a bounded queue the batcher of servers before 2.72 leaves requests lying for 500 ms
    # under load (server issue 8870; measured on 2.51). The gateway's connections bound it instead.
    if spec.batches:
        embedded.dynamic_batching.ClearField("default_queue_policy")
    return {
        **_label_files(wire),
        **warmup_files(spec, wire, item),
        EMBEDDED_CONFIG: _text(embedded),
        CONTAINER_CONFIG: _text(container),
    }


def write_description(spec: ModelSpec, format: Format, item: Item, directory: Path) -> list[str]:
    """Writes what `describe` says below `directory`; the paths that it wrote."""
    files = describe(spec, format, item)
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return list(files)


def _config(
    spec: ModelSpec, format: Format, wire: Interface, item: Item | None
) -> triton.ModelConfig:
    config = triton.ModelConfig(
        name=spec.name,
        backend=format.BACKEND,
        max_batch_size=spec.max_batch_size,
        input=[triton.ModelInput(**_tensor(tensor)) for tensor in wire.inputs],
        output=[
            triton.ModelOutput(
                **_tensor(tensor),
                label_filename=_label_filename(wire, tensor) if tensor.labels else "",
            )
            for tensor in wire.outputs
        ],
        instance_group=[triton.ModelInstanceGroup(count=spec.instance_count)],
        model_warmup=warmups(spec, wire, item),
    )
    config.version_policy.latest.num_versions = spec.versions_served
    if spec.batches:
        config.dynamic_batching.CopyFrom(_batching(spec))
    if spec.response_cache:
        config.response_cache.enable = True
    return config


def _tensor(tensor: TensorSpec) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": tensor.name,
        "data_type": triton.DataType.Value(tensor.triton_type),
        "dims": tensor.dims or (1,),
    }
    if not tensor.dims:
        # Triton refuses a tensor without dimensions, so one number travels as a list of one.
        described["reshape"] = triton.ModelTensorReshape(shape=())
    return described


def _batching(spec: ModelSpec) -> triton.ModelDynamicBatching:
    """A bounded queue, so that overload is an answer now instead of a latency without end."""
    return triton.ModelDynamicBatching(
        max_queue_delay_microseconds=spec.batching_delay_us,
        default_queue_policy=triton.ModelQueuePolicy(
            timeout_action=triton.ModelQueuePolicy.REJECT,
            default_timeout_microseconds=spec.queue_timeout_us,
            max_queue_size=spec.queue_size,
        ),
    )


def _label_files(wire: Interface) -> dict[str, bytes]:
    return {
        _label_filename(wire, tensor): "".join(f"{label}\n" for label in tensor.labels).encode()
        for tensor in wire.outputs
        if tensor.labels
    }


def _label_filename(wire: Interface, tensor: TensorSpec) -> str:
    labelled = [output for output in wire.outputs if output.labels]
    return "labels.txt" if len(labelled) == 1 else f"{tensor.name}.labels.txt"


def _text(config: triton.ModelConfig) -> bytes:
    body = text_format.MessageToString(config, use_short_repeated_primitives=True)
    if config.max_batch_size == 0:
        # Protobuf leaves zero out, and a reader should see that batching is off.
        body = f"max_batch_size: 0\n{body}"
    text_format.Parse(body, triton.ModelConfig())
    return (HEADER + body).encode()
