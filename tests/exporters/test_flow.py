from pathlib import Path

import numpy as np
import pytest
from torch import Tensor, nn

from exporters.candidate import Wanted
from exporters.errors import ProofError, SpecError
from exporters.flow import export
from exporters.publishing.staging import staging_root
from exporters.publishing.versions import served_versions
from exporters.repository import published_versions
from exporters.spec import TensorSpec
from exporters.stages import Progress, Stage
from exporters.zoo import ZOO
from tests.exporters.conftest import ExportedZoo
from tests.exporters.models import (
    WIDTH,
    Doubler,
    Embedded,
    FixedBatch,
    SumAndDifference,
    spec_of,
)


@pytest.mark.parametrize("name", ZOO)
def test_an_export_fills_the_model_folder(zoo: ExportedZoo, name: str) -> None:
    folder = zoo.repository / name
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    configuration = {"config.pbtxt", "configs/embedded.pbtxt", "labels.txt"}
    assert files == {
        *configuration,
        # The version's own copy, which comes back with it.
        *(f"1/config/{path}" for path in configuration),
        "1/manifest.json",
        f"1/{zoo.published[name].manifest.artefact.path}",
    }


def test_each_stage_is_reported_when_it_begins_and_when_it_ends(zoo: ExportedZoo) -> None:
    reported = zoo.reported["mnist_mlp"]
    stages = [stage for stage in Stage if stage != Stage.RACE]
    assert [progress.stage for progress in reported] == [stage for stage in stages for _ in "be"]
    assert [progress.seconds is None for progress in reported] == [True, False] * len(stages)


def test_a_failed_stage_does_not_end(tmp_path: Path) -> None:
    reported: list[Progress] = []
    with pytest.raises(SpecError):
        export(
            spec_of(FixedBatch),
            Wanted(format="onnx"),
            repository=tmp_path / "models",
            report=reported.append,
        )
    assert reported == [Progress(Stage.CAPTURE)]


def test_a_refused_model_leaves_nothing_behind(tmp_path: Path) -> None:
    repository = tmp_path / "models"
    with pytest.raises(SpecError):
        export(spec_of(FixedBatch), Wanted(format="onnx"), repository=repository)
    assert list(repository.iterdir()) == []
    assert {path.name for path in staging_root(repository).iterdir()} == {".gitignore", "lock"}


def test_a_second_export_is_the_next_version(tmp_path: Path) -> None:
    for _ in range(2):
        export(spec_of(Doubler), Wanted(format="torchscript"), repository=tmp_path / "models")
    assert published_versions(tmp_path / "models", "small") == [1, 2]


@pytest.mark.parametrize("format", ["torchscript", "onnx"])
def test_several_inputs_and_outputs_keep_their_order(tmp_path: Path, format: str) -> None:
    one = {"dtype": "float32", "shape": (1,)}
    spec = spec_of(
        SumAndDifference,
        inputs=[TensorSpec(name=name, **one) for name in ("left", "right")],
        outputs=[TensorSpec(name=name, **one) for name in ("total", "gap")],
        samples=({"left": np.ones(1, np.float32), "right": np.zeros(1, np.float32)},),
    )
    published = export(spec, Wanted(format=format), repository=tmp_path / "models")
    assert {row.output for row in published.manifest.proof} == {"total", "gap"}


@pytest.mark.parametrize("format", ["torchscript", "onnx"])
def test_whole_numbers_go_in(tmp_path: Path, format: str) -> None:
    spec = spec_of(
        Embedded,
        inputs=[TensorSpec(name="index", dtype="int64", shape=(3,))],
        samples=({"index": np.array([0, 4, 1])},),
    )
    assert export(spec, Wanted(format=format), repository=tmp_path / "models").version == 1


@pytest.mark.parametrize("format", ["torchscript", "onnx"])
def test_a_model_without_batching_is_exported(tmp_path: Path, format: str) -> None:
    spec = spec_of(Doubler, max_batch_size=0)
    published = export(spec, Wanted(format=format), repository=tmp_path / "models")
    assert {row.batch for row in published.manifest.proof} == {0}


def test_an_engine_that_cannot_run_here_is_built_and_not_published(tmp_path: Path) -> None:
    wanted = Wanted(format="tensorrt", flavor="rtx")
    exported = export(spec_of(Doubler), wanted, repository=tmp_path / "models")
    assert (exported.version, exported.path) == (0, None)
    assert exported.manifest.unproven
    assert list((tmp_path / "models").iterdir()) == []


def test_an_unproven_engine_is_published_when_that_is_asked_for(tmp_path: Path) -> None:
    wanted = Wanted(format="tensorrt", flavor="rtx", allow_unproven=True)
    exported = export(spec_of(Doubler), wanted, repository=tmp_path / "models")
    assert published_versions(tmp_path / "models", "small") == [1]
    assert exported.manifest.tried[0].verdict == "published unproven"


def test_a_precision_that_the_format_lacks_is_refused_before_any_work(tmp_path: Path) -> None:
    reported: list[Progress] = []
    wanted = Wanted(format="torchscript", precision="int8")
    with pytest.raises(SpecError, match="does not compile to 'int8'; it knows fp32"):
        export(spec_of(Doubler), wanted, repository=tmp_path / "models", report=reported.append)
    assert reported == []


def test_a_new_version_waits_where_a_server_is_to_load_it_first(tmp_path: Path) -> None:
    wanted = Wanted(format="torchscript")
    for _ in range(2):
        export(spec_of(Doubler), wanted, repository=tmp_path / "models", serve=False)
    assert published_versions(tmp_path / "models", "small") == [1, 2]
    assert served_versions(tmp_path / "models", "small") == [1]


def test_the_same_model_gives_the_same_bytes_where_the_format_allows(tmp_path: Path) -> None:
    manifests = [
        export(spec_of(Doubler), Wanted(format="onnx"), repository=tmp_path / name).manifest
        for name in ("first", "second")
    ]
    assert len({manifest.artefact.sha256 for manifest in manifests}) == 1
    assert {manifest.varies for manifest in manifests} == {""}


def test_a_format_whose_bytes_vary_says_why_in_the_manifest(zoo: ExportedZoo) -> None:
    assert "torch numbers the classes" in zoo.published["mnist_mlp"].manifest.varies


class DoubleConvolution(nn.Module):
    """ONNX Runtime has no kernel for it on the CPU."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv1d(1, 1, 3, padding=1).double()

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.layer(x[:, None])[:, 0]
        return answer


def test_what_cannot_be_loaded_where_it_was_compiled_is_refused(tmp_path: Path) -> None:
    x, y = (TensorSpec(name=name, dtype="float64", shape=(WIDTH,)) for name in "xy")
    spec = spec_of(DoubleConvolution, inputs=(x,), outputs=(y,), samples=({"x": np.ones(WIDTH)},))
    with pytest.raises(ProofError, match=r"cannot load model\.onnx"):
        export(spec, Wanted(format="onnx", allow_unproven=True), repository=tmp_path)
