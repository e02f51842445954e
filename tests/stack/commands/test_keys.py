"""`conch keys` as it is typed; with a gateway that obeys: tests/gateway/test_worker.py."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.stack.commands import typed


def keys(folder: Path, *arguments: str) -> typed.Done:
    return typed.typed(folder, "keys", *arguments)


def as_json(folder: Path, *arguments: str) -> Any:
    return typed.as_json(folder, "keys", *arguments)


def refusal(folder: Path, *arguments: str, code: int = 1) -> str:
    return typed.refusal(folder, "keys", *arguments, code=code)


def moment_of(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    assert moment.utcoffset() == timedelta()
    return moment


def test_a_key_is_made_on_its_terms_and_shown_again_without_its_secret(tmp_path: Path) -> None:
    made = as_json(
        tmp_path,
        *("create", "--tenant", "ops", "--rate", "5/s"),
        *("--allow", "infer,stats=mnist_*", "--allow", "metadata"),
        *("--expires", "30d", "--not-before", "2026-01-31"),
        *("--network", "10.0.0.0/8", "--network", "::1"),
    )
    shown = keys(tmp_path, "show", made["key"], "--json").stdout
    record = json.loads(shown)
    assert record["grants"] == ["infer,stats=mnist_*", "metadata=*"]
    assert record["networks"] == ["10.0.0.0/8", "::1/128"]
    assert (record["rate"], record["burst"], record["state"]) == ("5/s", 5, "in force")
    assert record["not_before"] == "2026-01-31T00:00:00+00:00"
    left = moment_of(record["expires"]) - datetime.now(UTC)
    assert timedelta(days=29, hours=23) < left <= timedelta(days=30)
    assert record["last_used"] is record["revoked"] is record["old_secret_ends"] is None
    assert made["key"].split("_")[2] not in shown


def test_models_alone_are_what_clients_do(tmp_path: Path) -> None:
    made = as_json(tmp_path, "create", "--tenant", "acme", "--models", "mnist_*", "--models", "a")
    (record,) = as_json(tmp_path, "list")
    assert record["grants"] == ["config:read,infer,metadata,repository:index,stats=mnist_*,a"]
    listed = keys(tmp_path, "list").stdout.splitlines()
    assert re.split(r"  +", listed[0].strip()) == [
        *("ID", "TENANT", "GRANTS", "RATE", "BURST", "CREATED", "LAST USED", "STATE")
    ]
    cells = re.split(r"  +", listed[1].strip())
    assert cells[:4] == [made["id"], "acme", "client: mnist_*,a", "no limit"]
    assert cells[-2:] == ["never", "in force"]


def test_a_rotated_key_is_shown_once_and_has_two_secrets_for_the_overlap(tmp_path: Path) -> None:
    made = as_json(tmp_path, "create", "--tenant", "acme")
    rotated = keys(tmp_path, "rotate", made["key"], "--overlap", "12h")
    assert re.fullmatch(rf"ck_{made['id']}_\w+\n", rotated.stdout)
    assert "shown only now" in rotated.stderr
    assert re.search(
        r"The old secret goes on until \d{4}-\d\d-\d\d \d\d:\d\d UTC\.", rotated.stderr
    )
    record = as_json(tmp_path, "show", made["id"])
    left = moment_of(record["old_secret_ends"]) - datetime.now(UTC)
    assert timedelta(hours=11) < left <= timedelta(hours=12)
    assert "old secret  goes on until" in keys(tmp_path, "show", made["id"]).stdout
    assert "two secrets until" in refusal(tmp_path, "rotate", made["id"])
    at_once = keys(tmp_path, "rotate", made["id"], "--overlap", "0h")
    assert "The old secret is refused within a second." in at_once.stderr
    assert "old secret" not in keys(tmp_path, "show", made["id"]).stdout


def test_a_certificate_stands_for_a_key_and_nothing_secret_is_printed(tmp_path: Path) -> None:
    arguments = ("create", "--tenant", "acme", "--tls-subject", "CN=trainer,O=Acme")
    done = keys(tmp_path, *arguments)
    assert re.fullmatch(r"The certificate is key \w{12}\.\n", done.stdout), done.stderr
    (record,) = as_json(tmp_path, "list")
    assert record["tls_subject"] == "CN=trainer,O=Acme"
    assert "'CN=trainer,O=Acme' has a key already" in refusal(tmp_path, *arguments)
    assert "the certificate of CN=trainer,O=Acme" in refusal(tmp_path, "rotate", record["id"])


def test_the_state_says_why_a_key_is_not_in_force(tmp_path: Path) -> None:
    as_json(tmp_path, "create", "--tenant", "later", "--not-before", "1d")
    made = as_json(tmp_path, "create", "--tenant", "gone")
    assert as_json(tmp_path, "revoke", made["id"]) == {"id": made["id"]}
    states = {record["tenant"]: record["state"] for record in as_json(tmp_path, "list")}
    assert states == {"later": "not yet in force", "gone": "revoked"}
    assert "is in force" in refusal(tmp_path, "rotate", made["id"])
    assert "is in force" in refusal(tmp_path, "revoke", made["id"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--allow", "inferr=a"], "'inferr' is not a valid Permission to grant; known are infer"),
        (["--allow", "infer=a b"], "'a b'"),
        (["--expires", "soon"], "'soon'"),
        (["--expires", "2020-01-01"], "has passed already"),
        (["--expires", "1d", "--not-before", "2d"], "is not after"),
        (["--network", "10.0.0.1/8"], "did you mean 10.0.0.0/8"),
        (["--tls-subject", "trainer"], "RFC 4514"),
        (["--rate", "0/s"], "rate '0/s' is not between"),
        (["--models", "[a-"], "model pattern '[a-' matches no model's name"),
    ],
)
def test_a_value_that_cannot_be_is_one_paragraph_and_no_key_is_made(
    tmp_path: Path, arguments: list[str], said: str
) -> None:
    assert said in refusal(tmp_path, "create", "--tenant", "acme", *arguments, code=2)
    assert not (tmp_path / ".conch").exists()


def test_models_and_allow_together_are_wrong_usage(tmp_path: Path) -> None:
    arguments = ("create", "--tenant", "acme", "--models", "a", "--allow", "infer")
    assert "give one of them" in refusal(tmp_path, *arguments, code=2)
    assert not (tmp_path / ".conch").exists()


def test_an_unknown_key_is_named_and_a_pasted_secret_is_not(tmp_path: Path) -> None:
    as_json(tmp_path, "create", "--tenant", "acme")
    for command in ("show", "rotate", "revoke"):
        said = refusal(tmp_path, command, "ck_absent_secret_x")
        assert "'absent'" in said and "secret_" not in said
    assert "ZZZ" in refusal(tmp_path, "rotate", "absent", "--overlap", "ZZZ", code=2)
