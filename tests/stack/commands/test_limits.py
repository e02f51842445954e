"""`conch limits` as it is typed."""

from pathlib import Path

import pytest

from tests.stack.commands.typed import as_json, in_one_line, refusal, typed


def test_limits_are_added_listed_changed_and_removed(tmp_path: Path) -> None:
    key = as_json(tmp_path, "keys", "create", "--tenant", "acme")
    add = ("limits", "add", "--tenant", "acme")
    rate = as_json(tmp_path, *add, "--rate", "100/s", "--burst", "200")
    assert (rate["rate"], rate["burst"], rate["models"], rate["metric"]) == (
        *("100/s", 200, "*", "requests"),
    )
    # A key that is pasted whole does.
    slots = as_json(tmp_path, *add, "--key", key["key"], "--concurrency", "8")
    assert (slots["key"], slots["concurrency"]) == (key["id"], 8)
    budget = typed(
        tmp_path, *add, "--models", "mnist_*", "--metric", "samples", "--budget", "10/day"
    )
    assert budget.stdout.endswith(": acme, models mnist_*, samples, 10/day.\n")
    listed = typed(tmp_path, "limits", "list", "--tenant", "acme").stdout
    assert all(text in listed for text in ("100/s, burst 200", "8 in flight", "10/day"))
    changed = as_json(tmp_path, "limits", "set", rate["id"], "--rate", "200/s")
    assert changed == rate | {"rate": "200/s", "burst": 200}
    (shown, *_) = as_json(tmp_path, "keys", "list")
    assert {limit["id"] for limit in shown["limits"]} >= {rate["id"], slots["id"]}
    assert "of the tenant: 200/s, burst 200" in typed(tmp_path, "keys", "show", key["id"]).stdout
    removed = typed(tmp_path, "limits", "remove", slots["id"]).stdout
    assert removed.startswith(f"Limit {slots['id']} is removed")
    assert len(as_json(tmp_path, "limits", "list")) == 2


def test_another_rate_keeps_a_burst_of_its_own(tmp_path: Path) -> None:
    as_json(tmp_path, "tenants", "create", "acme")
    add = ("limits", "add", "--tenant", "acme")
    own = as_json(tmp_path, *add, "--rate", "10/s", "--burst", "50")["id"]
    same = as_json(tmp_path, *add, "--rate", "10/s")["id"]
    assert as_json(tmp_path, "limits", "set", own, "--rate", "20/s")["burst"] == 50
    assert as_json(tmp_path, "limits", "set", same, "--rate", "20/s")["burst"] == 20
    said = refusal(tmp_path, "limits", "set", own, "--burst", "5", code=2)
    assert "give --rate with it" in said


def test_a_budget_of_a_day_does_not_become_one_of_a_month(tmp_path: Path) -> None:
    as_json(tmp_path, "tenants", "create", "acme")
    budget = as_json(tmp_path, "limits", "add", "--tenant", "acme", "--budget", "60/day")["id"]
    said = refusal(tmp_path, "limits", "set", budget, "--budget", "60/month")
    assert "is a budget of a day, and a budget of a month counts otherwise" in " ".join(
        said.split()
    )


@pytest.mark.parametrize(
    "measure", [[], ["--burst", "5"], ["--rate", "5/s", "--budget", "5/day"]], ids=str
)
def test_a_limit_has_one_measure(tmp_path: Path, measure: list[str]) -> None:
    said = refusal(tmp_path, "limits", "add", "--tenant", "acme", *measure, code=2)
    assert "one of --rate, --concurrency and --budget" in said
    assert not (tmp_path / ".conch").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--rate", "5"], "rate '5'"),
        (["--budget", "5/week"], "budget '5/week'"),
        (["--concurrency", "8", "--metric", "bytes"], "concurrency counts requests, not bytes"),
        (["--concurrency", "8", "--models", "a b"], "model pattern 'a b'"),
        (["--concurrency", "8", "--models", "[a-"], "model pattern '[a-' matches no model's name"),
        (["--concurrency", "0"], "concurrency 0 is not between 1 and 1000000"),
        (["--rate", f"{10**20}/s"], "is not between 1/s and 8000000000/s"),
        (["--budget", f"{10**18}/day"], "is not between 0 and 9007199254740991"),
    ],
)
def test_what_makes_no_sense_is_one_paragraph(
    tmp_path: Path, arguments: list[str], said: str
) -> None:
    as_json(tmp_path, "tenants", "create", "acme")
    assert said in refusal(tmp_path, "limits", "add", "--tenant", "acme", *arguments, code=2)
    assert as_json(tmp_path, "limits", "list") == []


def test_an_unknown_limit_is_named(tmp_path: Path) -> None:
    as_json(tmp_path, "tenants", "create", "acme")
    for command in (["set", "absent", "--concurrency", "8"], ["remove", "absent"]):
        assert "no limit 'absent'" in refusal(tmp_path, "limits", *command)


def test_an_unknown_key_or_tenant_is_named(tmp_path: Path) -> None:
    as_json(tmp_path, "tenants", "create", "acme")
    add = ("limits", "add", "--concurrency", "8")
    said = refusal(tmp_path, *add, "--tenant", "acme", "--key", "absent")
    assert "has no key 'absent'" in said
    assert "`conch tenants create other` makes it" in refusal(tmp_path, *add, "--tenant", "other")
    listed = refusal(tmp_path, "limits", "list", "--tenant", "nobody")
    assert "there is no tenant 'nobody'; `conch tenants list`" in listed


@pytest.mark.parametrize("tenant", ["", "ä b"])
def test_a_tenant_that_there_cannot_be_is_not_advised_to_be_made(
    tmp_path: Path, tenant: str
) -> None:
    as_json(tmp_path, "tenants", "create", "acme")
    said = refusal(tmp_path, "limits", "add", "--tenant", tenant, "--rate", "1/s", code=2)
    assert f"tenant {tenant!r} is not a name of 1 to 64 ASCII letters" in said
    assert "tenants create" not in said


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--concurrency", "abc", "'abc' is not a whole number; write one as 8"),
        ("--metric", "foo", "'--metric': 'foo' is not one of 'requests', 'samples'"),
    ],
)
def test_a_value_of_another_kind_is_named(
    tmp_path: Path, option: str, value: str, said: str
) -> None:
    done = typed(tmp_path, "limits", "add", "--tenant", "acme", option, value)
    assert done.returncode == 2 and said in in_one_line(done.stderr)
