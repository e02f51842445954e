"""`conch usage` as it is typed, on records with usage in them."""

import asyncio
import csv
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest

from gateway import keys
from gateway.records.migrate import migrate
from gateway.records.store import Records
from gateway.usage.counts import Account, Counts

ROOT = Path(__file__).parents[3]
NOON_S = int(datetime(2026, 11, 1, 12, tzinfo=UTC).timestamp())


def usage(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "stack", "usage", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where `conch` finds records with usage of two tenants."""

    async def write() -> None:
        url = f"sqlite+aiosqlite:///{tmp_path}/.conch/conch.db"
        await migrate(url)
        records = Records(url)
        batch = {
            Account(NOON_S, "acme", "k1", "mnist"): Counts(1200, 3, 2, 9600, 5_000_000, 1_500),
            Account(NOON_S + 86400, "acme", "k2", ""): Counts(1, 0, 0, 0, 10, 0),
            Account(NOON_S, "beta", "jwt:https://id.example#bob", "[b]"): Counts(5, 0, 0, 5, 50, 7),
        }
        try:
            await records.usage.add("w", 1, batch)
            await records.create_tenant("idle")
        finally:
            await records.close()

    asyncio.run(write())
    return tmp_path


def test_the_table_has_a_line_for_each_tenant_and_their_sum(folder: Path) -> None:
    done = usage(folder)
    assert done.returncode == 0, done.stderr
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["TENANT", "REQUESTS", "SAMPLES", "BYTES", "COMPUTE", "MS", "ERRORS", "REFUSED"],
        ["acme", "1,201", "9,600", "5,000,010", "2", "2", "3"],
        ["beta", "5", "5", "50", "0", "0", "0"],
        ["total", "1,206", "9,605", "5,000,060", "2", "2", "3"],
    ]


def test_one_line_needs_no_sum_and_names_are_shown_as_they_are(folder: Path) -> None:
    lines = usage(folder, "--tenant", "beta", "--by", "key", "--by", "model").stdout.splitlines()
    assert [line.split()[:3] for line in lines] == [
        ["KEY", "MODEL", "REQUESTS"],
        ["jwt:https://id.example#bob", "[b]", "5"],
    ]


def test_json_tells_exact_times_the_period_and_the_sum(folder: Path) -> None:
    done = usage(
        folder, "--since", "2026-11-01", "--until", "2026-11-02T00:00Z", "--by", "day", "--json"
    )
    sums = {"samples": 9605, "bytes": 5_000_050, "compute_ms": 1.507, "errors": 2, "refused": 3}
    assert json.loads(done.stdout) == {
        "since": "2026-11-01T00:00:00+00:00",
        "until": "2026-11-02T00:00:00+00:00",
        "usage": [{"day": "2026-11-01", "requests": 1205, **sums}],
        "total": {"requests": 1205, **sums},
    }


def test_csv_has_a_heading_and_no_sum(folder: Path) -> None:
    done = usage(folder, "--by", "tenant", "--by", "hour", "--csv")
    rows = list(csv.DictReader(StringIO(done.stdout)))
    assert [(row["tenant"], row["hour"], row["requests"]) for row in rows] == [
        ("acme", "2026-11-01T12:00Z", "1200"),
        ("acme", "2026-11-02T12:00Z", "1"),
        ("beta", "2026-11-01T12:00Z", "5"),
    ]


def test_what_no_model_was_found_for_can_be_asked_for(folder: Path) -> None:
    (row,) = json.loads(usage(folder, "--model", "", "--by", "key", "--json").stdout)["usage"]
    assert (row["key"], row["requests"]) == ("k2", 1)


def test_a_key_that_is_pasted_whole_is_known_by_its_id(folder: Path) -> None:
    new = keys.generate()
    done = usage(folder, "--key", new.token, "--json")
    assert json.loads(done.stdout)["usage"] == []
    assert json.loads(usage(folder, "--key", "k1", "--json").stdout)["total"]["requests"] == 1200


@pytest.mark.parametrize("asked", [("--since", "2026-12-01"), ("--tenant", "idle")], ids=str)
def test_where_nothing_was_used_that_is_said(folder: Path, asked: tuple[str, ...]) -> None:
    done = usage(folder, *asked)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "Nothing was used.\n")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--json", "--csv"], 2, "give one of them"),
        (["--since", "soon"], 2, "'soon' is neither"),
        (["--since", "1d", "--until", "2d"], 2, "is not before"),
        (["--by", "weather"], 2, "weather"),
    ],
)
def test_what_makes_no_sense_is_refused(
    tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    done = usage(tmp_path, *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr and "Traceback" not in done.stderr


def test_a_tenant_that_never_was_is_told_and_one_without_a_row_here_is_not(folder: Path) -> None:
    done = usage(folder, "--tenant", "nobody")
    assert (done.returncode, done.stdout) == (1, "")
    assert "there is no tenant 'nobody'" in done.stderr
    # Of a token: nobody has made this tenant, yet it has used something, before December.
    assert usage(folder, "--tenant", "beta", "--since", "2026-12-01").returncode == 0
