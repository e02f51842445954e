import re
from pathlib import Path

import numpy as np
import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2 as triton

from exporters.describing.describe import describe
from exporters.formats import load_format
from exporters.options import Profile, TensorRTOptions
from exporters.publishing.policy import with_served
from exporters.spec import ANY, Axis, ModelSpec, TensorSpec
from exporters.zoo import ZOO
from tests.exporters.models import Doubler, SumAndDifference, spec_of

GOLDEN = Path(__file__).parent / "golden"
REPOSITORY = Path(__file__).parents[3] / "model_repository"
CONFIGS = ["config.pbtxt", "configs/embedded.pbtxt"]


def config_of(spec: ModelSpec, name: str = "config.pbtxt") -> triton.ModelConfig:
    text = describe(spec, load_format("torchscript"))[name]
    return text_format.Parse(text, triton.ModelConfig())


@pytest.mark.parametrize("name", ZOO)
def test_the_committed_folder_is_what_an_export_writes(name: str) -> None:
    files = describe(ZOO[name].spec(), load_format(ZOO[name].format))
    for path in CONFIGS:
        files[path] = with_served(files[path].decode(), [1]).encode()
    committed = {path: (REPOSITORY / name / path).read_bytes() for path in files}
    assert committed == files


def test_the_queue_is_bounded_and_rejects() -> None:
    spec = spec_of(Doubler, batching_delay_us=250, queue_size=7, queue_timeout_us=9000)
    batching = config_of(spec).dynamic_batching
    policy = batching.default_queue_policy
    assert batching.max_queue_delay_microseconds == 250
    assert (policy.max_queue_size, policy.default_timeout_microseconds) == (7, 9000)
    assert policy.timeout_action == triton.ModelQueuePolicy.REJECT


def test_the_embedded_server_gets_the_delay_and_no_queue_policy() -> None:
    spec = spec_of(Doubler, batching_delay_us=250, queue_size=7, queue_timeout_us=9000)
    batching = config_of(spec, "configs/embedded.pbtxt").dynamic_batching
    assert batching.max_queue_delay_microseconds == 250
    assert not batching.HasField("default_queue_policy")


def test_a_model_without_batching_says_so_and_has_no_batcher() -> None:
    text = describe(spec_of(Doubler, max_batch_size=0), load_format("torchscript"))["config.pbtxt"]
    assert re.findall(b"^max_batch_size: 0$", text, re.MULTILINE) == [b"max_batch_size: 0"]
    assert b"dynamic_batching" not in text


def test_warm_up_covers_one_and_the_largest_batch() -> None:
    config = config_of(spec_of(Doubler, max_batch_size=8, warmup_runs=2))
    assert [(warmup.batch_size, warmup.count) for warmup in config.model_warmup] == [(1, 2), (8, 2)]


def test_warm_up_can_be_left_out() -> None:
    assert not config_of(spec_of(Doubler, warmup_runs=0)).model_warmup


def test_the_container_chooses_the_device_and_the_embedded_server_has_only_a_cpu() -> None:
    groups = [
        config_of(spec_of(Doubler, instance_count=2), name).instance_group for name in CONFIGS
    ]
    assert [[(group.kind, group.count) for group in found] for found in groups] == [
        [(triton.ModelInstanceGroup.KIND_AUTO, 2)],
        [(triton.ModelInstanceGroup.KIND_CPU, 2)],
    ]


def test_the_container_gets_a_platform_and_the_embedded_server_a_file() -> None:
    container, embedded = (config_of(spec_of(Doubler), name) for name in CONFIGS)
    assert (container.backend, container.platform) == ("pytorch", "pytorch_libtorch")
    assert (embedded.backend, embedded.platform) == ("pytorch", "")
    assert embedded.default_model_filename == "model.pt"


def test_only_the_newest_version_is_served() -> None:
    assert config_of(spec_of(Doubler)).version_policy.latest.num_versions == 1


def test_several_labelled_outputs_have_a_label_file_each() -> None:
    inputs = [TensorSpec(name=n, dtype="float32", shape=(1,)) for n in ("left", "right")]
    outputs = [
        TensorSpec(name=name, dtype="float32", shape=(3,), labels=tuple(name))
        for name in ("sum", "dif")
    ]
    spec = spec_of(SumAndDifference, inputs=inputs, outputs=outputs)
    files = describe(spec, load_format("torchscript"))
    assert (files["sum.labels.txt"], files["dif.labels.txt"]) == (b"s\nu\nm\n", b"d\ni\nf\n")
    assert [o.label_filename for o in config_of(spec).output] == [
        "sum.labels.txt",
        "dif.labels.txt",
    ]


def speech_spec() -> ModelSpec:
    """A declaration that uses every part of the configuration."""
    length = Axis(name="length", min=4, max=200)
    return spec_of(
        Doubler,
        name="speech",
        inputs=[
            TensorSpec(name="frames", dtype="float32", shape=(length, 80)),
            TensorSpec(name="length", dtype="int64", shape=()),
        ],
        outputs=[
            TensorSpec(name="phones", dtype="int32", shape=(ANY,)),
            TensorSpec(name="score", dtype="float32", shape=()),
            TensorSpec(name="voice", dtype="float32", shape=(2,), labels=("no", "yes")),
        ],
        samples=(),
        max_batch_size=16,
        response_cache=True,
        versions_served=2,
        instance_count=2,
    )


@pytest.mark.parametrize("format", ["aoti", "onnx", "tensorrt", "torchscript"])
@pytest.mark.parametrize("name", CONFIGS)
def test_the_configuration_is_the_golden_one(format: str, name: str) -> None:
    item = {"frames": np.zeros((7, 80), np.float32), "length": np.array(7)}
    written = describe(speech_spec(), load_format(format), item)[name]
    golden = GOLDEN / f"speech-{format}-{Path(name).name}"
    assert written == golden.read_bytes()


def test_integers_are_warmed_up_with_a_real_sample() -> None:
    item = {"frames": np.zeros((7, 80), np.float32), "length": np.array(7)}
    files = describe(speech_spec(), load_format("onnx"), item)
    assert files["warmup/length"] == np.array(7).tobytes()


def test_every_profile_of_an_engine_is_used() -> None:
    options = TensorRTOptions(profiles=(Profile(), Profile()))
    files = describe(spec_of(Doubler, tensorrt=options), load_format("tensorrt"))
    config = text_format.Parse(files["config.pbtxt"], triton.ModelConfig())
    assert list(config.instance_group[0].profile) == ["0", "1"]
