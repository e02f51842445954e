import subprocess
from pathlib import Path

import pytest

from exporters.provenance import declaration, git_commit, host
from exporters.spec import Checkpoint
from tests.exporters.models import Doubler, spec_of


def test_a_declaration_names_what_builds_the_module() -> None:
    assert declaration(spec_of(Doubler))["build"] == "tests.exporters.models:Doubler"


def test_a_declaration_names_the_checkpoint() -> None:
    checkpoint = Checkpoint(module="nets:Net", arguments={"width": 3}, weights=Path("net.pt"))
    build = declaration(spec_of(Doubler).model_copy(update={"build": checkpoint}))["build"]
    assert build == {"module": "nets:Net", "arguments": {"width": 3}, "weights": "net.pt"}


def test_a_declaration_is_json_without_samples() -> None:
    assert "samples" not in declaration(spec_of(Doubler))


def test_the_host_says_what_decides_about_timings() -> None:
    assert {"machine", "processor", "cores", "python"} <= set(host())


def test_outside_of_git_there_is_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert git_commit() == ""


def test_a_commit_with_changed_files_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    author = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run(["git", *author, "commit", "-q", "--allow-empty", "-m", "first"], check=True)
    clean = git_commit()
    (tmp_path / "new").touch()
    assert (len(clean), git_commit()) == (40, f"{clean}-dirty")
