"""Engines are built for real, by TensorRT for RTX, which needs no GPU."""

import json
from pathlib import Path

import pytest
import torch

from exporters.capturing.samples import example, read_samples
from exporters.errors import HostError, SpecError
from exporters.formats import Compiled, Source, load_format
from exporters.formats.tensorrt import FILENAME
from exporters.options import Profile, Range, TensorRTOptions
from exporters.spec import ModelSpec
from exporters.zoo import ZOO
from tests.exporters.format_models import MODELS
from tests.exporters.models import Doubler, spec_of
from tests.exporters.tensorrt_parts.small import Dense, compile_rtx, sequence, source_of

SPECS = {**MODELS, **{name: entry.spec() for name, entry in ZOO.items()}}


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("name", SPECS)
def test_every_model_is_built_in_the_precision_asked_for(
    name: str, precision: str, tmp_path: Path
) -> None:
    compiled = compile_rtx(whole_source(SPECS[name], precision), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [FILENAME]
    assert (tmp_path / FILENAME).stat().st_size > 1000
    assert compiled.precision == precision
    assert list(compiled.details["precision"]["layers"]) == [precision]


@pytest.mark.parametrize("precision", ["tf32", "bf16"])
def test_the_other_precisions_are_built_without_modelopt(precision: str, tmp_path: Path) -> None:
    compiled = compile_rtx(source_of(Dense, precision=precision), tmp_path)
    layers = {"tf32": {"fp32": 1}, "bf16": {"bf16": 1}}
    assert compiled.details["precision"]["layers"] == layers[precision]


def test_bfloat16_keeps_a_normalisation_out_of_its_convolution(tmp_path: Path) -> None:
    compiled = compile_rtx(whole_source(SPECS["mixer"], "bf16"), tmp_path)
    assert compiled.details["precision"]["layers"] == {"bf16": 3}


def test_what_is_said_of_an_engine_is_json_and_names_what_it_is_tied_to(tmp_path: Path) -> None:
    details = json.loads(json.dumps(compile_rtx(source_of(Dense), tmp_path).details))
    assert details["engine"]["flavor"] == "rtx"
    assert details["engine"]["tensorrt"] == load_format("tensorrt").versions()["tensorrt_rtx"]
    assert details["engine"]["platform"].startswith("linux-")
    assert details["precision"]["known_from"] == "network"
    assert details["options"]["builder_level"] == 3


def test_several_profiles_over_an_axis_are_built(tmp_path: Path) -> None:
    ranges = (Range(min=2, opt=8, max=16), Range(min=17, opt=32, max=32))
    profiles = tuple(Profile(axes={"length": range}) for range in ranges)
    spec = sequence(tensorrt=TensorRTOptions(profiles=profiles))
    compiled = compile_rtx(source_of(Dense, spec), tmp_path)
    built = [profile["x"]["opt"] for profile in compiled.details["profiles"]]
    assert built == [(4, 8, 4), (4, 32, 4)]


def test_more_profiles_make_another_engine(tmp_path: Path) -> None:
    whole = Range(min=2, opt=8, max=32)
    sizes = []
    for profiles in ((Profile(),), (Profile(), Profile(axes={"length": whole}))):
        spec = sequence(tensorrt=TensorRTOptions(profiles=profiles))
        compile_rtx(source_of(Dense, spec), tmp_path)
        sizes.append((tmp_path / FILENAME).read_bytes())
    assert sizes[0] != sizes[1]


def test_a_model_without_batching_is_built(tmp_path: Path) -> None:
    source = source_of(Doubler, spec_of(Doubler, max_batch_size=0))
    compile_rtx(source, tmp_path)
    assert (tmp_path / FILENAME).exists()


def test_a_profile_that_does_not_fit_is_refused_before_any_work(tmp_path: Path) -> None:
    profile = Profile(batch=Range(min=1, opt=8, max=16))
    spec = spec_of(Dense, tensorrt=TensorRTOptions(profiles=(profile,)))
    with pytest.raises(SpecError, match="Keep the profile within"):
        compile_rtx(source_of(Dense, spec), tmp_path)


@pytest.mark.parametrize(
    ("option", "error"),
    [
        ("version_compatible", SpecError),
        ("hardware_compatible", SpecError),
        ("strip_weights", HostError),
    ],
)
def test_what_rtx_lacks_is_refused_by_name(
    option: str, error: type[Exception], tmp_path: Path
) -> None:
    spec = spec_of(Dense, tensorrt=TensorRTOptions(**{option: True}))
    with pytest.raises(error, match=option):
        compile_rtx(source_of(Dense, spec), tmp_path)


def test_builder_level_and_workspace_are_taken(tmp_path: Path) -> None:
    options = TensorRTOptions(builder_level=1, workspace_bytes=1 << 28)
    compiled = compile_rtx(source_of(Dense, spec_of(Dense, tensorrt=options)), tmp_path)
    assert compiled.details["options"]["workspace_bytes"] == 1 << 28


def test_an_engine_is_not_proven_without_a_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = source_of(Dense)
    compile_rtx(source, tmp_path)
    monkeypatch.setattr("exporters.tensorrt_parts.cuda.LIBRARY", "libno-such-cuda.so.1")
    with pytest.raises(HostError, match="An engine runs on a GPU only"):
        load_format("tensorrt").load(tmp_path / FILENAME, source.spec)


def test_the_host_is_checked_for_the_flavor() -> None:
    load_format("tensorrt").check_host("rtx")
    with pytest.raises(HostError, match="'quadro'"):
        load_format("tensorrt").check_host("quadro")


def whole_source(spec: ModelSpec, precision: str) -> Source:
    samples = read_samples(spec)
    inputs = example(spec, samples)
    assert not isinstance(spec.build, type) and callable(spec.build)
    return Source(
        spec.build().eval(),
        spec,
        tuple(torch.from_numpy(inputs[tensor.name]) for tensor in spec.inputs),
        samples,
        precision,
        "rtx",
    )


def test_compiled_is_what_a_format_returns(tmp_path: Path) -> None:
    assert isinstance(compile_rtx(source_of(Dense), tmp_path), Compiled)
