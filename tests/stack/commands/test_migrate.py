"""`conch migrate`."""

from pathlib import Path

from tests.stack.commands.typed import Done, refusal, typed


def test_it_makes_the_records_and_does_nothing_the_second_time(tmp_path: Path) -> None:
    file = tmp_path / ".conch" / "conch.db"
    for told in (f"New records were made: {file}\n", ""):
        done = typed(tmp_path, "migrate")
        assert done == Done(0, "The records are up to date.\n", told)
    assert file.exists()


def test_a_database_that_is_away_is_told(tmp_path: Path) -> None:
    settings = {"CONCH_DATABASE_URL": "postgresql://conch:s3cr3t@127.0.0.1:1/conch"}
    said = refusal(tmp_path, "migrate", settings=settings)
    assert "Mend that database" in said and "s3cr3t" not in said
