"""Several open a new file at once, and none of them is sent away."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.write_ahead import OPENING_S, use_write_ahead_log


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A database whose log is not yet the write-ahead one."""
    file = tmp_path / "some.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE a (b)")
    return file


@pytest.fixture
def reader(file: Path) -> Iterator[sqlite3.Connection]:
    """Holds what the switch must have for itself."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT * FROM a").fetchall()
        yield connection


def mode_of(connection: sqlite3.Connection) -> str:
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    return str(mode)


def test_a_file_that_another_reads_is_tried_again(file: Path, reader: sqlite3.Connection) -> None:
    tries = []
    with closing(sqlite3.connect(file, timeout=0)) as connection:

        def execute(statement: str) -> None:
            tries.append(statement)
            if len(tries) == 3:
                reader.execute("COMMIT")
            connection.execute(statement)

        use_write_ahead_log(execute)
        assert mode_of(connection) == "wal"
    assert len(tries) == 3


def test_a_file_that_stays_held_is_given_up(file: Path, reader: sqlite3.Connection) -> None:
    moments = iter([0.0, 1.0, OPENING_S, OPENING_S + 0.1])
    with closing(sqlite3.connect(file, timeout=0)) as connection:
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            use_write_ahead_log(connection.execute, lambda: next(moments))
        assert mode_of(connection) == "delete"
    assert list(moments) == []


def test_what_waiting_does_not_mend_is_told_at_once(file: Path) -> None:
    tries = []
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:

        def execute(statement: str) -> None:
            tries.append(statement)
            connection.execute(statement)

        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            use_write_ahead_log(execute)
    assert len(tries) == 1


def test_an_error_that_sqlite_did_not_tell_is_passed_on() -> None:
    def execute(statement: str) -> None:
        raise sqlite3.OperationalError("no active connection")

    with pytest.raises(sqlite3.OperationalError, match="no active"):
        use_write_ahead_log(execute)
