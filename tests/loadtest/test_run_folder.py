"""What is kept of a run, and whether it can be read later."""

import csv
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from loadtest.errors import FolderTakenError, LoadTestError, UnreadableRunError
from loadtest.results import Bottleneck, Run
from loadtest.run_folder import read_run, write_run, write_run_beside
from tests.loadtest.some_steps import a_run, a_step, some_gateway

# Written by the first version of all; it stays as it is, and what is read from it, too.
FIRST_RUN = Path(__file__).parent / "recorded" / "run_v1"


@pytest.fixture
def run() -> Run:
    return a_run(a_step(label="100/s", gateway=some_gateway(1000)), a_step(label="200/s"))


def test_a_run_is_read_as_it_was_written(tmp_path: Path, run: Run) -> None:
    assert write_run(tmp_path / "runs" / "first", run) == []
    assert read_run(tmp_path / "runs" / "first") == run
    assert read_run(tmp_path / "runs" / "first" / "result.json") == run


def test_a_folder_holds_all_forms_of_a_run(tmp_path: Path, run: Run) -> None:
    write_run(tmp_path / "run", run)
    names = {str(path.relative_to(tmp_path / "run")) for path in (tmp_path / "run").rglob("*.*")}
    assert names >= {"result.json", "steps.csv", "summary.md", "report.html", "plots/timeline.png"}
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_folder_that_is_there_stays_as_it_is(tmp_path: Path, run: Run) -> None:
    (tmp_path / "run").mkdir()
    with pytest.raises(LoadTestError, match="exists already; name another folder"):
        write_run(tmp_path / "run", run)
    assert list((tmp_path / "run").iterdir()) == []


def test_two_runs_of_one_second_are_both_kept(tmp_path: Path, run: Run) -> None:
    other = a_run(plan="smoke")
    assert write_run_beside(tmp_path / "run", run) == (tmp_path / "run", [])
    assert write_run_beside(tmp_path / "run", other) == (tmp_path / "run-2", [])
    assert write_run_beside(tmp_path / "run", other) == (tmp_path / "run-3", [])
    assert read_run(tmp_path / "run") == run
    assert read_run(tmp_path / "run-2") == other


def test_a_run_that_another_process_is_first_with_stays(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(tmp_path / "run", run)
    monkeypatch.setattr(Path, "exists", lambda path: False)
    with pytest.raises(FolderTakenError, match="exists already"):
        write_run(tmp_path / "run", a_run(plan="smoke"))
    monkeypatch.undo()
    assert read_run(tmp_path / "run") == run
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path, run: Run) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LoadTestError, match="could not be kept in"):
        write_run(tmp_path / "file" / "run", run)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_without_matplotlib_only_the_plots_are_missing(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("matplotlib")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "loadtest.report.plots", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert write_run(tmp_path / "run", run) == [
        "Plots were left out: matplotlib.axes is not installed; pip install 'conch[loadtest]'"
    ]
    assert read_run(tmp_path / "run") == run


def test_the_table_has_a_line_for_each_step(tmp_path: Path, run: Run) -> None:
    write_run(tmp_path / "run", run)
    with (tmp_path / "run" / "steps.csv").open(newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["label"], second["label"]) == ("100/s", "200/s")
    assert float(first["p99_ms"]) == pytest.approx(5, rel=0.01)
    assert first["samples"] == "1000"
    # Too few samples know it.
    assert first["p999_ms"] == ""


def test_the_first_run_of_all_can_still_be_read() -> None:
    run = read_run(FIRST_RUN)
    assert (run.schema_version, run.plan, run.models) == (1, "sweep", {"digits": "8c0ffee1"})
    (step,) = run.steps
    assert step.bottleneck is Bottleneck.QUEUE
    assert step.windows[0].errors == {"timeout": 2}
    assert step.windows[1].corrected.counts == {258: 40, 300: 8}
    assert step.models["digits"].batches == {1: 10, 2: 20}


def change(folder: Path, **values: Any) -> None:
    file = folder / "result.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def test_a_later_schema_is_told_from_damage(tmp_path: Path) -> None:
    folder = shutil.copytree(FIRST_RUN, tmp_path / "run")
    change(folder, schema_version=2, steps="of another form")
    with pytest.raises(UnreadableRunError, match=r"schema 2; this Conch reads up to 1\."):
        read_run(folder)


def test_fields_of_a_later_conch_with_the_same_schema_do_no_harm(tmp_path: Path) -> None:
    folder = shutil.copytree(FIRST_RUN, tmp_path / "run")
    change(folder, weather="fair")
    assert read_run(folder) == read_run(FIRST_RUN)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"schema_version": 1}', '{"plan": "sweep"}', "\udcff"]
)
def test_a_damaged_file_is_one_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "result.json").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(UnreadableRunError, match=r"result\.json is damaged"):
        read_run(tmp_path)


def test_a_file_that_was_cut_off_is_one_error(tmp_path: Path, run: Run) -> None:
    text = msgspec.json.encode(run)
    (tmp_path / "result.json").write_bytes(text[: len(text) // 2])
    with pytest.raises(UnreadableRunError, match="is damaged"):
        read_run(tmp_path)


def test_what_is_not_there_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(
        UnreadableRunError, match=r"is no run .*No such file.*; name the folder of one"
    ):
        read_run(tmp_path)
