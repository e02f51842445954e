"""`conch admins` and `conch audit` as they are typed."""

import getpass
import re
from pathlib import Path

from tests.stack.commands.typed import as_json, refusal, typed


def test_an_admin_is_made_listed_and_revoked(tmp_path: Path) -> None:
    made = typed(tmp_path, "admins", "create", "ops")
    assert re.fullmatch(r"ca_\w{33}_\w{6}\n", made.stdout) and "shown only now" in made.stderr
    by_certificate = typed(tmp_path, "admins", "create", "alice", "--tls-subject", "CN=alice")
    assert by_certificate.stdout == "The certificate is admin alice.\n"
    assert as_json(tmp_path, "admins", "revoke", "ops") == {"name": "ops"}
    listed = {admin["name"]: admin for admin in as_json(tmp_path, "admins", "list")}
    assert listed["ops"]["revoked"] and listed["alice"]["tls_subject"] == "CN=alice"
    table = typed(tmp_path, "admins", "list").stdout
    assert "certificate CN=alice" in table and "revoked" in table
    assert "admin 'a b'" in refusal(tmp_path, "admins", "create", "a b", code=2)
    assert "choose another" in refusal(tmp_path, "admins", "create", "ops")
    assert "no admin 'ops' is in force" in refusal(tmp_path, "admins", "revoke", "ops")


def test_the_audit_log_tells_who_did_what(tmp_path: Path) -> None:
    as_json(tmp_path, "tenants", "create", "acme")
    as_json(tmp_path, "tenants", "disable", "acme")
    as_json(tmp_path, "tenants", "create", "other")
    entries = as_json(tmp_path, "audit", "--subject", "acme")
    assert [entry["action"] for entry in entries] == ["tenant.disable", "tenant.create"]
    actor = f"cli:{getpass.getuser()}"
    assert {entry["actor"] for entry in entries} == {actor}
    assert entries[0]["before"]["disabled"] is None and entries[0]["after"]["disabled"]
    newest = typed(tmp_path, "audit", "--limit", "1").stdout.splitlines()
    assert len(newest) == 2 and newest[1].split()[-3:] == [actor, "tenant.create", "other"]
