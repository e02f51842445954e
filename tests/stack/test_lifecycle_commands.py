"""The commands on a repository that no server serves; with one: tests/e2e."""

import json
from pathlib import Path

import pytest

from exporters.candidate import Wanted
from exporters.flow import export
from exporters.publishing.staging import staged
from exporters.publishing.versions import published_versions, reject, served_versions
from exporters.repository import publish
from stack.trial import TrialStack
from tests.exporters.dying import stage
from tests.exporters.models import Doubler, spec_of


@pytest.fixture
def trial(tmp_path: Path) -> TrialStack:
    """Three versions of a model, the last of which is served; nothing runs."""
    trial = TrialStack(tmp_path)
    for text in "abc":
        with staged(tmp_path / "model_repository", "small") as directory:
            publish(stage(directory, text), tmp_path / "model_repository", "small")
    return trial


def repository(trial: TrialStack) -> Path:
    return trial.folder / "model_repository"


def test_rolling_back_goes_to_the_version_before_that_was_not_rejected(trial: TrialStack) -> None:
    reject(repository(trial), "small", 2, "it does not load")
    done = trial.conch("rollback", "small")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "No Triton runs; small serves version 1 from its next start on.\n"
    assert served_versions(repository(trial), "small") == [1]
    nothing = trial.conch("rollback", "small")
    assert nothing.returncode == 1
    assert "no version to go back to" in nothing.stderr


def test_the_versions_are_shown_with_what_is_served_and_why_one_was_rejected(
    trial: TrialStack,
) -> None:
    reject(repository(trial), "small", 2, "it does not load")
    found = json.loads(trial.conch("versions", "small", "--json").stdout)
    assert [entry["version"] for entry in found] == [1, 2, 3]
    assert [entry["served"] for entry in found] == [False, False, True]
    assert [entry["rejected"] for entry in found] == ["", "it does not load", ""]
    assert {entry["state"] for entry in found} == {""}
    shown = trial.conch("versions", "small").stdout
    assert "Version 2 was rejected: it does not load" in shown


def test_pruning_says_what_is_gone(trial: TrialStack) -> None:
    assert "version 1, 2" in trial.conch("prune", "small", "--keep", "1").stdout
    assert published_versions(repository(trial), "small") == [3]
    assert "no version to remove" in trial.conch("prune", "small", "--keep", "1").stdout


def test_a_model_is_removed_only_when_somebody_means_it(trial: TrialStack) -> None:
    assert trial.conch("remove", "small").returncode == 1
    assert trial.conch("remove", "small", "--yes").returncode == 0
    assert not (repository(trial) / "small").exists()


@pytest.mark.parametrize("command", ["versions", "rollback", "remove", "verify", "prune"])
def test_a_model_that_is_not_there_is_exit_code_1(trial: TrialStack, command: str) -> None:
    extra = ["--keep", "1"] if command == "prune" else []
    done = trial.conch(command, "absent", *extra)
    assert done.returncode == 1
    assert done.stderr.startswith("conch: There is no model 'absent' in ")
    assert "there is small" in done.stderr


def test_wrong_usage_is_exit_code_2(trial: TrialStack) -> None:
    assert trial.conch("prune", "small").returncode == 2
    assert trial.conch("rollback", "small", "--to", "0").returncode == 2


def test_verifying_finds_what_was_changed_later(tmp_path: Path) -> None:
    trial = TrialStack(tmp_path)
    export(spec_of(Doubler), Wanted(format="torchscript"), repository=repository(trial))
    assert trial.conch("verify", "small").returncode == 0
    (repository(trial) / "small/1/model.pt").write_bytes(b"something else")
    done = trial.conch("verify", "small", "--json")
    assert done.returncode == 1
    (version,) = json.loads(done.stdout)
    assert [finding["ok"] for finding in version["findings"]] == [False, True, True]


def test_doctor_sweeps_what_a_killed_export_left(trial: TrialStack) -> None:
    left = trial.folder / ".model_repository.staging" / "small-x.staged"
    left.mkdir()
    assert "removed what killed exports left: small-x.staged" in trial.conch("doctor").stdout
    assert not left.exists()
