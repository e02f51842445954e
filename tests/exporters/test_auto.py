from pathlib import Path

import pytest

from exporters.candidate import AUTO, Wanted
from exporters.errors import CompileError
from exporters.flow import Exported, export
from exporters.manifest import Tried
from exporters.repository import published_versions
from tests.exporters.models import Doubler, spec_of


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    repository = tmp_path_factory.mktemp("auto") / "models"
    return export(spec_of(Doubler), Wanted(format=AUTO), repository=repository)


def rows(exported: Exported) -> dict[str, Tried]:
    return {row.format: row for row in exported.manifest.tried}


def test_every_format_is_tried(exported: Exported) -> None:
    assert set(rows(exported)) == {"aoti", "onnx", "tensorrt", "torchscript"}


def test_what_is_published_is_the_fastest_that_keeps_the_names(exported: Exported) -> None:
    allowed = [rows(exported)[name] for name in ("onnx", "torchscript")]
    fastest = min(allowed, key=lambda row: row.latency_us["1"] * row.latency_us["4"])
    assert exported.manifest.format == fastest.format
    assert fastest.verdict.startswith("fastest")


def test_a_format_that_renames_the_tensors_says_so(exported: Exported) -> None:
    assert "renames the tensors" in rows(exported)["aoti"].verdict


def test_what_this_machine_cannot_build_says_why(exported: Exported) -> None:
    assert rows(exported)["tensorrt"].verdict.startswith("cannot be built here: ")


def test_the_speed_is_told_against_torchscript(exported: Exported) -> None:
    assert " x torchscript" in rows(exported)["onnx"].verdict


def test_only_the_winner_is_in_the_repository(exported: Exported) -> None:
    assert exported.path is not None
    model = exported.path.parent
    assert published_versions(model.parent, model.name) == [1]
    assert not list(exported.path.rglob("candidates"))


def test_a_precision_that_no_format_has_is_refused_with_each_reason(tmp_path: Path) -> None:
    wanted = Wanted(format=AUTO, precision="fp3")
    with pytest.raises(CompileError, match=r"No format takes 'small'.*torchscript: refused"):
        export(spec_of(Doubler), wanted, repository=tmp_path / "models")
