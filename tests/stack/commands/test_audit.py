"""`conch audit` as it is typed."""

from pathlib import Path

from tests.stack.commands.typed import as_json, typed


def test_a_number_that_no_database_takes_is_refused(tmp_path: Path) -> None:
    done = typed(tmp_path, "audit", "--limit", "9" * 20)
    assert done.returncode == 2
    assert "'--limit': Input should be less than or equal to 1000000" in done.stderr


def test_limits_are_told_with_their_tenant_and_terms(tmp_path: Path) -> None:
    key = as_json(tmp_path, "keys", "create", "--tenant", "acme")["id"]
    add = ("limits", "add", "--tenant", "acme")
    limit = as_json(tmp_path, *add, "--key", key, "--concurrency", "8")["id"]
    typed(tmp_path, "limits", "set", limit, "--concurrency", "9")
    shown = typed(tmp_path, "audit", "--subject", "acme", settings={"COLUMNS": "200"}).stdout
    changed, limited, made, *_ = (line.rstrip() for line in shown.splitlines()[1:])
    assert f"{limit} of acme" in changed and changed.endswith("concurrency: 8 -> 9")
    assert limited.endswith(f"key: {key}, models: *, metric: requests, concurrency: 8")
    assert f"{key} of acme" in made
