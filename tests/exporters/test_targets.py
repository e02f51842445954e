from pathlib import Path

import pytest

from exporters.errors import SpecError
from exporters.targets import find_target


def test_an_example_brings_its_own_format() -> None:
    target = find_target("mnist_mlp")
    assert (target.spec.name, target.format) == ("mnist_mlp", "torchscript")


def test_an_import_path_names_a_declaration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = [
        "from tests.exporters.models import Doubler, spec_of",
        "spec = spec_of(Doubler, name='declared')",
    ]
    (tmp_path / "declared_elsewhere.py").write_text("\n".join(lines), encoding="utf-8")
    target = find_target("declared_elsewhere:spec")
    assert (target.spec.name, target.source) == ("declared", "declared_elsewhere:spec")


def test_a_misspelt_example_is_refused_with_the_one_that_is_close() -> None:
    with pytest.raises(SpecError, match=r"Did you mean mnist_mlp\?"):
        find_target("mnist_mpl")


def test_an_absent_model_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"absent/model\.toml"):
        find_target(str(tmp_path / "absent/model.toml"))
