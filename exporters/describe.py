"""Writes the Triton configuration of a model, through Triton's own protobuf."""

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2 as triton  # type: ignore[import-untyped]

from exporters.formats import Format
from exporters.spec import ModelSpec, TensorSpec

CONTAINER_CONFIG = "config.pbtxt"
EMBEDDED_CONFIG = "configs/embedded.pbtxt"
HEADER = "# Written by `conch export` from the model's ModelSpec; the next export replaces it.\n"


def describe(spec: ModelSpec, format: Format) -> dict[str, str]:
    """Path in the model's folder to content; the same spec gives the same bytes.

    NVIDIA's container reads config.pbtxt. The embedded server is started with
    `--model-config-name=embedded` and reads configs/embedded.pbtxt.
    """
    container = _config(spec, format)
    container.platform = format.PLATFORM
    container.instance_group[0].kind = triton.ModelInstanceGroup.KIND_AUTO

    # The embedded server has no GPU, and it has its own backends, which it finds by name alone.
    embedded = _config(spec, format)
    embedded.default_model_filename = format.FILENAME
    embedded.instance_group[0].kind = triton.ModelInstanceGroup.KIND_CPU
    # With a bounded queue the batcher of servers before 2.72 leaves requests lying for 500 ms
    # under load (server issue 8870; measured on 2.51). The gateway's connections bound it instead.
    if spec.batches:
        embedded.dynamic_batching.ClearField("default_queue_policy")
    return {
        **_label_files(spec),
        EMBEDDED_CONFIG: _text(embedded),
        CONTAINER_CONFIG: _text(container),
    }


def _config(spec: ModelSpec, format: Format) -> triton.ModelConfig:
    config = triton.ModelConfig(
        name=spec.name,
        backend=format.BACKEND,
        max_batch_size=spec.max_batch_size,
        input=[
            triton.ModelInput(name=tensor.name, data_type=_type(tensor), dims=tensor.dims)
            for tensor in spec.inputs
        ],
        output=[
            triton.ModelOutput(
                name=tensor.name,
                data_type=_type(tensor),
                dims=tensor.dims,
                label_filename=_label_filename(spec, tensor) if tensor.labels else "",
            )
            for tensor in spec.outputs
        ],
        instance_group=[triton.ModelInstanceGroup(count=spec.instance_count)],
        model_warmup=_warmups(spec),
    )
    config.version_policy.latest.num_versions = 1
    if spec.batches:
        config.dynamic_batching.CopyFrom(_batching(spec))
    return config


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


def _warmups(spec: ModelSpec) -> list[triton.ModelWarmup]:
    if spec.warmup_runs == 0:
        return []
    return [
        triton.ModelWarmup(
            name=f"batch {size}",
            batch_size=size,
            count=spec.warmup_runs,
            inputs={tensor.name: _warmup_input(tensor) for tensor in spec.inputs},
        )
        for size in sorted({1, max(1, spec.max_batch_size)})
    ]


def _warmup_input(tensor: TensorSpec) -> triton.ModelWarmup.Input:
    # Triton's `random_data` is random bytes: NaN among floats, no valid index among integers.
    return triton.ModelWarmup.Input(data_type=_type(tensor), dims=tensor.dims, zero_data=True)


def _label_files(spec: ModelSpec) -> dict[str, str]:
    return {
        _label_filename(spec, tensor): "".join(f"{label}\n" for label in tensor.labels)
        for tensor in spec.outputs
        if tensor.labels
    }


def _label_filename(spec: ModelSpec, tensor: TensorSpec) -> str:
    labelled = [output for output in spec.outputs if output.labels]
    return "labels.txt" if len(labelled) == 1 else f"{tensor.name}.labels.txt"


def _type(tensor: TensorSpec) -> triton.DataType:
    return triton.DataType.Value(tensor.triton_type)


def _text(config: triton.ModelConfig) -> str:
    body = text_format.MessageToString(config, use_short_repeated_primitives=True)
    if config.max_batch_size == 0:
        # Protobuf leaves zero out, and a reader should see that batching is off.
        body = f"max_batch_size: 0\n{body}"
    text_format.Parse(body, triton.ModelConfig())
    return HEADER + body
