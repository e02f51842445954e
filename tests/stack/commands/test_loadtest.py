"""`conch loadtest` as it is typed, against a fake Triton whose times are known."""

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import typer

from loadtest.errors import LoadTestError
from loadtest.plans.outcome import Outcome
from loadtest.results import Load, Loop, Machine, Run, Step
from loadtest.run_folder import read_run, write_run
from loadtest.traffic import Traffic
from stack.commands.loadtest_run import _judged, _keep, run_plan
from stack.commands.loadtest_target import Target
from tests.loadtest.fake_triton import fake_triton
from tests.loadtest.queue_model import QueueModel
from tests.loadtest.some_steps import a_step
from tests.stack.commands.typed import refusal, typed

ROOT = Path(__file__).parents[3]
KEPT = {"result.json", "steps.csv", "summary.md", "report.html", "plots"}


def loadtest(folder: Path, url: str, *arguments: str, code: int | None = 0) -> Any:
    done = subprocess.run(
        command(url, *arguments, "--json"),
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert code in (None, done.returncode), done.stdout + done.stderr
    assert done.stderr == ""  # no live line where there is no terminal
    return json.loads(done.stdout)


def command(url: str, plan: str, *arguments: str) -> list[str]:
    start = [sys.executable, "-P", "-m", "stack", "loadtest", plan, "--model", "fake"]
    return [*start, "--direct", "--triton-url", url, *arguments]


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT)}


def test_a_run_is_a_folder_and_an_answer(tmp_path: Path) -> None:
    with fake_triton(service_ms=10) as url:
        told = loadtest(tmp_path, url, "smoke", "--duration", "3s")
    assert told["valid"] and told["invalid"] == []
    assert told["answer"]["error_share"] == 0
    folder = tmp_path / told["folder"]
    assert folder.parent.name == "loadtest-runs" and folder.name.endswith("Z-smoke")
    assert {path.name for path in folder.iterdir()} == KEPT
    run = read_run(folder)
    assert (run.plan, run.answer) == ("smoke", told["answer"])
    (step,) = run.steps
    assert step.breakdown is not None
    # The fake computes for 10 ms, whatever the machine does meanwhile.
    assert step.breakdown.compute_ms == pytest.approx(10, rel=0.05)


def test_a_run_with_failures_says_so_and_exits_1(tmp_path: Path) -> None:
    with fake_triton(service_ms=5, error_share=0.2) as url:
        told = loadtest(tmp_path, url, "smoke", "--duration", "3s", code=1)
    assert not told["valid"]
    assert "requests failed:" in told["invalid"][0]


def test_the_search_finds_the_capacity_of_a_server(tmp_path: Path) -> None:
    # So slow that a machine which is busy with other tests does not matter, and so fast that the
    # three seconds for which a rate is held have the answers that a p99 needs.
    search = ("--arrivals", "constant", "--from", "34", "--to", "48", "--window", "1s")
    with fake_triton(service_ms=25) as url:
        # Where other programs had the cores meanwhile the run says so, and is made again.
        for _ in range(3):
            told = loadtest(tmp_path, url, "slo", "--p99", "250ms", *search, code=None)
            if told["valid"]:
                break
    assert told["valid"], told["invalid"]
    assert 37.2 <= told["answer"]["rate"] <= 43.6


def test_a_model_that_is_not_there_is_told(tmp_path: Path) -> None:
    with fake_triton() as url:
        done = typed(
            tmp_path,
            *("loadtest", "smoke", "--model", "absent", "--direct", "--triton-url", url),
            settings={"PYTHONPATH": str(ROOT)},
        )
    assert done.returncode == 1
    assert done.stderr.startswith("conch: ") and "/v2/models/absent was answered 404" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_on_a_terminal_a_line_tells_what_goes_on_and_ctrl_c_keeps_what_was_measured(
    tmp_path: Path,
) -> None:
    terminal, of_the_run = pty.openpty()
    with fake_triton(service_ms=5) as url:
        with subprocess.Popen(
            command(url, "sweep", "--users", "1,2", "--duration", "3s", "--out", "kept"),
            cwd=tmp_path,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=of_the_run,
        ) as running:
            os.close(of_the_run)
            shown = b""
            while b"sweep 2 users" not in shown:
                shown += os.read(terminal, 1 << 16)
            running.send_signal(signal.SIGINT)
            output, _ = running.communicate(timeout=60)
        os.close(terminal)
    assert b"sweep 1 user  1 of 5 s  " in shown and b"p99" in shown
    assert running.returncode == 130, output
    assert b"Traceback" not in output
    run = read_run(tmp_path / "kept")
    assert run.steps and run.invalid == ["it was interrupted"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["slo", "--p99", "20"], "--p99 is '20', which is no time"),
        (["slo", "--p99", "20ms", "--errors", "7"], "--errors is '7', which is no share"),
        (["slo", "--p99", "20ms", "--from", "9", "--to", "3"], "--from 9 is above --to 3"),
        (["slo", "--p99", "20ms", "--from", "1"], "Begin at 7/s or more (--from)"),
        (["slo", "--p99", "20ms", "--arrivals", "sine"], "Arrivals 'sine' are not known"),
        (["slo", "--p99", "20ms", "--arrivals", "ramp:5"], "do not keep one rate, and slo"),
        (["soak", "--rate", "9", "--arrivals", "spike:2:1:1"], "do not keep one rate, and soak"),
        (["sweep", "--users", "1,b"], "--users 'b' is no number of users"),
        (["sweep", "--rates", "1,b"], "--rates is 'b', which is no rate"),
        (["sweep", "--users", "4", "--rates", "9"], "--rates makes it an open one"),
        (["sweep", "--users", "4", "--arrivals", "poisson"], "Give --rates with it"),
        (["sweep", "--rates", "9", "--arrivals", "spike:5:20:5"], "from second 20 on never comes"),
        (["soak", "--users", "4", "--rate", "9"], "--rate makes it an open one"),
        (["soak", "--arrivals", "poisson"], "Give --rate with it"),
        (["smoke", "--duration", "1s"], "--duration 1s is too short"),
        (["soak", "--duration", "5s"], "--duration 5s is too short"),
        (["smoke", "--url", "gateway"], "--url is 'gateway', which is no URL"),
        (["smoke", "--url", "http://me:secret@gateway"], "--url holds a name before its host"),
        (["smoke", "--dim", "x"], "Sizes 'x' cannot be read"),
        (["smoke", "--out", "."], "--out . is there already"),
        (["overhead", "--direct"], "overhead calls both the gateway and Triton"),
        (["overhead", "--transport", "grpc"], "the gateway, which speaks HTTP and no gRPC"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, arguments: list[str], told: str) -> None:
    assert told in refusal(tmp_path, "loadtest", *arguments, "--model", "x", code=2)


def test_addresses_are_those_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / "conch.toml").write_text("port = 1\ntriton_http_port = 2\n")
    told = refusal(tmp_path, "loadtest", "smoke", "--model", "x")
    assert "Nothing listens at http://127.0.0.1:1. " in told and "--url" in told
    told = refusal(tmp_path, "loadtest", "smoke", "--model", "x", "--direct")
    assert "Nothing listens at http://127.0.0.1:2. " in told


def test_of_several_tritons_one_must_be_named_to_call_it(tmp_path: Path) -> None:
    settings = {"CONCH_TRITON_URLS": "http://a:1,http://b:1"}
    arguments = ("loadtest", "smoke", "--model", "x", "--direct")
    told = refusal(tmp_path, *arguments, code=2, settings=settings)
    assert "Name it by --triton-url" in told


def test_a_run_that_could_not_be_kept_is_not_begun(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    told = refusal(tmp_path, "loadtest", "smoke", "--model", "x", "--out", "file/run")
    assert "could not be kept in file/run" in told and "Name another folder by --out" in told
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_run_that_cannot_be_kept_after_all_is_printed_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = read_run(Path(a_run(tmp_path, 100)))
    (tmp_path / "file").touch()
    with pytest.raises(LoadTestError, match=r"could not be kept in .*file/run.*--out"):
        _keep(tmp_path / "file" / "run", run, a_target(as_json=False))
    assert "2 users" in capsys.readouterr().out


def a_run(folder: Path, capacity: float, *, duration_s: float = 9, **more: Any) -> str:
    steps: list[Step] = []
    model = QueueModel(capacity=capacity)
    load = Load(loop=Loop.CLOSED, users=2, duration_s=duration_s)
    steps.append(model.measure("2 users", load))
    machine = Machine(cores=2, processor="x", memory_bytes=1, system="", python="", load_average=0)
    run = Run(
        plan="sweep",
        started_at="2026-11-01T00:00:00Z",
        commit="",
        options={},
        machine=machine,
        triton={},
        models={},
        steps=steps,
        **more,
    )
    path = folder / f"{capacity:g}-{duration_s:g}-{len(more)}"
    write_run(path, run)
    return str(path)


def a_target(out: Path | None = None, *, as_json: bool = True) -> Target:
    return Target(
        traffic=Traffic(url="", models=[]),
        direct=True,
        triton_url="http://127.0.0.1:1",
        admin_url="",
        processes=1,
        max_in_flight=None,
        out=out,
        as_json=as_json,
    )


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (Outcome({}, missed=["p99_drift +291.0%, over +20%"]), 3),
        (Outcome({}, ["Triton was restarted"], missed=["p99_drift +291.0%, over +20%"]), 1),
    ],
)
def test_a_bound_that_is_missed_exits_3_where_the_run_is_valid(
    tmp_path: Path, outcome: Outcome, code: int
) -> None:
    with patch("stack.commands.loadtest_run.Benches") as benches, pytest.raises(typer.Exit) as end:
        benches.return_value.__enter__.return_value.steps = [a_step()]
        run_plan("soak", a_target(tmp_path / "run"), lambda opened: outcome)
    assert end.value.exit_code == code
    assert read_run(tmp_path / "run").invalid == outcome.invalid


def test_two_runs_that_began_in_one_second_are_kept_side_by_side(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = a_target()
    run = read_run(Path(a_run(tmp_path, 100)))
    folders = []
    for _ in range(2):
        _keep(tmp_path / "20261101T000000Z-sweep", run, target)
        folders.append(json.loads(capsys.readouterr().out)["folder"])
    assert [Path(folder).name for folder in folders] == [
        "20261101T000000Z-sweep",
        "20261101T000000Z-sweep-2",
    ]
    assert read_run(Path(folders[1])) == run


def test_a_step_keeps_what_its_plan_found_of_it() -> None:
    outcome = Outcome({}, spoilt={"a": "no steady state"}, objective={"b": "held"})
    first, second = (_judged(a_step(label=label), outcome) for label in ("a", "b"))
    assert (first.invalid, first.objective) == (["no steady state"], "")
    assert (second.invalid, second.objective) == ([], "held")


def test_a_regression_exits_3(tmp_path: Path) -> None:
    before, after = a_run(tmp_path, 100), a_run(tmp_path, 80)
    done = typed(tmp_path, "loadtest", "compare", before, after)
    assert done.returncode == 3, done.stderr
    assert "worse" in done.stdout
    assert typed(tmp_path, "loadtest", "compare", after, before).returncode == 0
    assert typed(tmp_path, "loadtest", "compare", before, after, "--bound", "50%").returncode == 0


def test_a_comparison_in_which_all_is_unclear_exits_1(tmp_path: Path) -> None:
    before, after = (a_run(tmp_path, capacity, duration_s=4) for capacity in (100, 80))
    done = typed(tmp_path, "loadtest", "compare", before, after)
    assert done.returncode == 1, done.stderr
    assert "Cannot tell: 4 of 4 are unclear." in done.stdout


def test_a_comparison_has_a_form_for_scripts_and_one_for_pull_requests(tmp_path: Path) -> None:
    before, after = a_run(tmp_path, 100), a_run(tmp_path, 80)
    done = typed(tmp_path, "loadtest", "compare", before, after, "--json")
    assert {one["verdict"] for one in json.loads(done.stdout)["differences"]} >= {"worse"}
    done = typed(tmp_path, "loadtest", "compare", before, after, "--markdown")
    assert "| 2 users |" in done.stdout


def test_an_invalid_run_is_not_compared_in_silence(tmp_path: Path) -> None:
    before = a_run(tmp_path, 100)
    after = a_run(tmp_path, 100, invalid=["the clock jumped by +3.0 s"])
    done = typed(tmp_path, "loadtest", "compare", before, after)
    assert done.returncode == 1
    assert "the clock jumped" in done.stdout


def test_what_is_no_run_is_told(tmp_path: Path) -> None:
    assert "is no run" in refusal(tmp_path, "loadtest", "compare", "a", "b")
