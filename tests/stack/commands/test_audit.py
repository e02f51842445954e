"""`conch audit` as it is typed."""

from pathlib import Path

from tests.stack.commands.typed import typed


def test_a_number_that_no_database_takes_is_refused(tmp_path: Path) -> None:
    done = typed(tmp_path, "audit", "--limit", "9" * 20)
    assert done.returncode == 2
    assert "'--limit': Input should be less than or equal to 1000000" in done.stderr
