"""The locustfile as Locust runs it."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.loadtest.fake_triton import fake_triton

ROOT = Path(__file__).parent.parent.parent


def locust(
    url: str, folder: Path, *arguments: str, **environment: str
) -> tuple[subprocess.CompletedProcess[str], dict[str, dict[str, str]]]:
    """Run without a web page; what it printed, and its statistics by name."""
    command = [sys.executable, "-m", "locust", "--host", url, "--headless", "--csv", "out"]
    done = subprocess.run(
        [*command, "-f", f"{ROOT}/loadtest/locustfile.py", "--model", "fake", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    path = folder / "out_stats.csv"
    rows = csv.DictReader(path.read_text().splitlines()) if path.exists() else ()
    return done, {row["Name"]: row for row in rows}


def test_users_of_the_closed_loop_are_the_default(tmp_path: Path) -> None:
    with fake_triton(service_ms=5, limited_share=0.2) as url:
        done, rows = locust(url, tmp_path, "--users", "2", "--run-time", "4s")
    assert done.returncode == 0, done.stderr
    assert int(rows["fake batch 1"]["Request Count"]) > 20
    assert int(rows["fake batch 1 (429 over the limit)"]["Failure Count"]) == 0
    # Locust's own statistics know parts of a millisecond.
    assert not float(rows["fake batch 1"]["Median Response Time"]).is_integer()


def test_users_of_the_open_loop_run_in_several_processes(tmp_path: Path) -> None:
    settings = {"LOCUST_RATE": "25", "LOCUST_ARRIVALS": "constant", "LOCUST_BATCH": "2"}
    options = ("--users", "2", "--spawn-rate", "2", "--run-time", "3s", "--processes", "2")
    with fake_triton(service_ms=1) as url:
        done, rows = locust(url, tmp_path, *options, "OpenLoopUser", **settings)
    assert done.returncode == 0, done.stderr
    # The processes take their time to start, out of the three seconds.
    assert 0 < int(rows["fake batch 2"]["Request Count"]) <= 2 * 25 * 3 + 2


def test_a_missed_arrival_is_a_failure_and_no_response_time(tmp_path: Path) -> None:
    settings = {"LOCUST_RATE": "40", "LOCUST_ARRIVALS": "constant", "LOCUST_MAX_IN_FLIGHT": "1"}
    with fake_triton(service_ms=200) as url:
        _, rows = locust(
            url, tmp_path, "--users", "1", "--run-time", "3s", "OpenLoopUser", **settings
        )
    missed, answered = rows["missed"], rows["fake batch 1"]
    assert int(missed["Failure Count"]) == int(missed["Request Count"]) > 20
    # In all there is no more than what was answered: most arrivals were missed, in no time.
    assert float(rows["Aggregated"]["Min Response Time"]) >= 190
    for figure in ("Median Response Time", "Average Response Time", "Min Response Time"):
        assert rows["Aggregated"][figure] == answered[figure]


def test_stages_follow_one_another(tmp_path: Path) -> None:
    shapes = f"{ROOT}/loadtest/locustfile.py,{ROOT}/loadtest/shapes.py"
    with fake_triton(service_ms=5) as url:
        done, rows = locust(url, tmp_path, "-f", shapes, "--stages", "1:1s,3:1s")
    assert done.returncode == 0, done.stderr
    assert int(rows["fake batch 1"]["Request Count"]) > 10


@pytest.mark.parametrize(
    ("host", "model", "told"),
    [
        ("http://127.0.0.1:1", "fake", "Nothing listens at http://127.0.0.1:1"),
        ("", "fake", "'' is no address of a server"),
    ],
)
def test_a_worker_that_cannot_send_ends_the_test_of_all(
    tmp_path: Path, host: str, model: str, told: str
) -> None:
    options = ("--users", "2", "--run-time", "50s", "--processes", "2", "--model", model)
    done, _ = locust(host, tmp_path, *options)
    assert done.returncode == 1, done.stderr
    assert told in done.stderr


def test_a_key_that_is_not_set_is_told_in_a_sentence(tmp_path: Path) -> None:
    with fake_triton() as url:
        done, _ = locust(url, tmp_path, "--users", "1", "--run-time", "5s", "--keys", "ABSENT")
    assert "read from ABSENT, which is not set" in done.stderr
    assert done.returncode != 0
