"""What commands say when the database of the records cannot be used."""

import json
from pathlib import Path

import pytest

from stack.errors import RecordsError
from stack.records_errors import records_errors
from stack.settings import StackSettings
from tests.stack.commands.typed import refusal, typed


def test_a_database_that_does_not_answer_in_time_is_told() -> None:
    settings = StackSettings(database_url="postgresql://conch:s3cr3t@127.0.0.1/conch")
    with pytest.raises(RecordsError, match="it does not answer"), records_errors(settings):
        raise TimeoutError


def test_a_postgresql_that_is_away_is_one_line_without_the_password(tmp_path: Path) -> None:
    settings = {"CONCH_DATABASE_URL": "postgresql://conch:s3cr3t@127.0.0.1:1/conch"}
    said = refusal(tmp_path, "keys", "list", settings=settings)
    assert "127.0.0.1', 1" in said and "Mend that database" in said and "s3cr3t" not in said


def test_a_url_that_is_none_is_one_line(tmp_path: Path) -> None:
    settings = {"CONCH_DATABASE_URL": "postgresql://conch:s3cr3t@h:x/conch"}
    said = refusal(tmp_path, "tenants", "list", settings=settings)
    assert "its port is not a number" in said and "s3cr3t" not in said


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / ".conch").mkdir()
    (tmp_path / ".conch" / "conch.db").write_bytes(b"junk" * 1000)
    said = refusal(tmp_path, "limits", "list")
    assert ".conch/conch.db cannot be used: file is not a database" in said


@pytest.mark.parametrize(
    "command",
    [
        *(
            ("tenants", "list"),
            ("tenants", "show", "acme"),
            ("keys", "list"),
            ("keys", "show", "k"),
        ),
        *(("limits", "list"), ("admins", "list"), ("audit",), ("usage",)),
        *(("keys", "revoke", "k"), ("tenants", "disable", "acme"), ("limits", "remove", "l")),
    ],
    ids=" ".join,
)
def test_what_needs_records_makes_none_and_says_where_it_looked(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    state_dir = tmp_path / "mistyped" / "state"
    said = refusal(tmp_path, *command, settings={"CONCH_STATE_DIR": str(state_dir)})
    assert f"There are no records in {state_dir}/conch.db." in said
    assert "--state-dir or CONCH_STATE_DIR" in said and "`conch up`" in said
    assert list(tmp_path.iterdir()) == []


def test_a_sqlite_file_by_url_that_is_not_there_is_told_by_its_setting(tmp_path: Path) -> None:
    settings = {"CONCH_DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/absent.db"}
    said = refusal(tmp_path, "keys", "list", settings=settings)
    assert f"no records in {tmp_path}/absent.db" in said and "CONCH_DATABASE_URL" in said


@pytest.mark.parametrize(
    "command",
    [("tenants", "create", "a"), ("keys", "create", "--tenant", "a"), ("admins", "create", "a")],
    ids=" ".join,
)
def test_what_makes_records_says_so_once_and_beside_the_json(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    first = typed(tmp_path, *command, "--json")
    assert first.stderr == f"New records were made: {tmp_path}/.conch/conch.db\n"
    assert json.loads(first.stdout)
    assert "New records" not in typed(tmp_path, "tenants", "create", "other").stderr
