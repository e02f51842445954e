"""`conch audit` as it is typed."""

from pathlib import Path

from tests.stack.commands.typed import as_json, in_one_line, refusal, typed


def test_a_number_that_no_database_takes_is_refused(tmp_path: Path) -> None:
    done = typed(tmp_path, "audit", "--limit", "9" * 20)
    assert done.returncode == 2
    assert f"'{'9' * 20}' is over 1000000, the most that it can be" in in_one_line(done.stderr)


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


def test_what_never_was_is_told_and_what_was_removed_stays_readable(tmp_path: Path) -> None:
    as_json(tmp_path, "tenants", "create", "acme")
    as_json(tmp_path, "tenants", "remove", "acme")
    assert len(as_json(tmp_path, "audit", "--subject", "acme")) == 2
    said = refusal(tmp_path, "audit", "--subject", "nobody")
    assert "no tenant, admin, key or limit 'nobody', nor was there one" in said
