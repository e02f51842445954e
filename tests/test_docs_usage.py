"""The page on usage: its command and its query give what it shows."""

import asyncio
import os
import re
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from gateway.admin.app import create_app
from gateway.records.migrate import migrate
from gateway.records.store import Records
from gateway.usage.counts import Account, Counts

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "usage.md").read_text()
NOVEMBER_S, DECEMBER_S = (
    int(datetime(2026, month, 1, tzinfo=UTC).timestamp()) for month in (11, 12)
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Records of what the page tells of, and of hours before and after."""

    async def write() -> None:
        url = f"sqlite+aiosqlite:///{tmp_path}/.conch/conch.db"
        await migrate(url)
        records = Records(url)
        last = DECEMBER_S - 3600
        batch = {
            Account(NOVEMBER_S, "acme", "a", "mnist_cnn"): Counts(
                184_022, 118, 2, 1_472_176, 5_104_770_280, 412_309_000
            ),
            Account(last, "acme", "a", "mnist_mlp"): Counts(
                20_110, 0, 0, 20_110, 66_563_990, 9_651_000
            ),
            Account(last, "beta", "b", ""): Counts(12, 0, 0, 0, 984, 4_000),
            Account(last, "beta", "b", "mnist_cnn"): Counts(
                40_500, 2_041, 1, 324_000, 1_123_470_000, 90_882_000
            ),
            Account(NOVEMBER_S - 3600, "acme", "a", "mnist_cnn"): Counts(requests=1),
            Account(DECEMBER_S, "acme", "a", "mnist_cnn"): Counts(requests=1),
        }
        try:
            await records.usage.add("w", 1, batch)
        finally:
            await records.close()

    asyncio.run(write())
    return tmp_path


def test_the_command_prints_what_the_page_shows(folder: Path) -> None:
    match = re.search(r"^\$ conch (usage .*)\n((?:.+\n)+)```", PAGE, re.MULTILINE)
    assert match is not None
    done = subprocess.run(
        [sys.executable, "-P", "-m", "stack", *match[1].split()],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    printed = [line.rstrip() for line in done.stdout.splitlines()]
    assert printed == match[2].splitlines()


def test_the_admin_api_answers_what_the_page_shows(folder: Path) -> None:
    match = re.search(r"^\$ curl -s 'http://[^/]+(/[^']+)'.*\n(.+)$", PAGE, re.MULTILINE)
    assert match is not None
    state_dir = folder / ".conch"
    app = create_app(state_dir, Records(f"sqlite+aiosqlite:///{state_dir}/conch.db"))
    with TestClient(app, "http://127.0.0.1:8081") as client:
        assert client.get(match[1]).text == match[2]


def test_the_query_takes_the_same_month(folder: Path) -> None:
    match = re.search(r"```sql\n(.*?)```", PAGE, re.DOTALL)
    assert match is not None
    database = sqlite3.connect(folder / ".conch" / "conch.db")
    try:
        rows = dict((row[0], row[1:]) for row in database.execute(match[1]))
    finally:
        database.close()
    assert rows == {"acme": (1_492_286, 421_960.0), "beta": (324_000, 90_886.0)}
