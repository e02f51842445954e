"""What commands say when the database of the records cannot be used."""

from pathlib import Path

import pytest

from stack.errors import RecordsError
from stack.records_errors import records_errors
from stack.settings import StackSettings
from tests.stack.commands.typed import refusal


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
