"""`conch tenants` as it is typed."""

from pathlib import Path

from tests.stack.commands.typed import as_json, refusal, typed


def test_a_tenant_is_made_listed_disabled_enabled_and_removed(tmp_path: Path) -> None:
    assert typed(tmp_path, "tenants", "create", "acme").stdout == "Tenant acme is there.\n"
    as_json(tmp_path, "keys", "create", "--tenant", "other")
    listed = typed(tmp_path, "tenants", "list").stdout.splitlines()
    assert listed[0].split() == ["TENANT", "KEYS", "CREATED", "STATE"]
    assert [(line.split()[:2], line.split()[-1]) for line in listed[1:]] == [
        (["acme", "0"], "enabled"),
        (["other", "1"], "enabled"),
    ]
    disabled = as_json(tmp_path, "tenants", "disable", "other")
    assert disabled["disabled"] is not None
    (key,) = as_json(tmp_path, "keys", "list")
    assert key["state"] == "tenant disabled"
    assert typed(tmp_path, "tenants", "enable", "other").stdout == "Tenant other is enabled.\n"
    assert as_json(tmp_path, "tenants", "remove", "acme") == {"name": "acme"}
    assert [tenant["name"] for tenant in as_json(tmp_path, "tenants", "list")] == ["other"]
    assert "conch tenants disable other" in refusal(tmp_path, "tenants", "remove", "other")


def test_a_tenant_is_shown_with_its_limits(tmp_path: Path) -> None:
    as_json(tmp_path, "tenants", "create", "acme")
    limit = as_json(tmp_path, "limits", "add", "--tenant", "acme", "--rate", "5/s")
    assert as_json(tmp_path, "tenants", "show", "acme")["limits"] == [limit]
    shown = typed(tmp_path, "tenants", "show", "acme").stdout
    assert shown.startswith("acme: enabled, 0 keys, created") and "5/s, burst 5" in shown


def test_what_cannot_be_is_one_paragraph(tmp_path: Path) -> None:
    assert "tenant 'a b'" in refusal(tmp_path, "tenants", "create", "a b", code=2)
    assert not (tmp_path / ".conch").exists()
    as_json(tmp_path, "tenants", "create", "acme")
    for command in ("show", "disable", "enable", "remove"):
        assert "no tenant 'nobody'" in refusal(tmp_path, "tenants", command, "nobody")
    assert "is there already" in refusal(tmp_path, "tenants", "create", "acme")
