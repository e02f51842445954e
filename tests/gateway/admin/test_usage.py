"""Usage over the admin API."""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from gateway.usage.counts import Account, Counts
from tests.gateway.admin.conftest import AdminPlane, problem

NOON_S = int(datetime(2026, 11, 1, 12, tzinfo=UTC).timestamp())
DAY_S = 24 * 3600
TOKEN = "jwt:https://id.example#bob+1@x y/é"
BATCH = {
    Account(NOON_S, "acme", "k1", "mnist"): Counts(1200, 3, 2, 9600, 5_000_000, 1_500),
    Account(NOON_S + DAY_S, "acme", "k2", ""): Counts(requests=1),
    Account(NOON_S + 3600, "beta", TOKEN, "mnist"): Counts(requests=5),
    Account(NOON_S + DAY_S, "beta", "k3", "other"): Counts(requests=7),
}
NUL_GROUP = base64.urlsafe_b64encode(b'["a\\u0000b"]').decode()


@pytest.fixture(autouse=True)
def _used(plane: AdminPlane) -> None:
    plane.change(lambda records: records.usage.add("w", 1, BATCH))


def requests(client: TestClient, **asked: str | int | list[str]) -> dict[str, int]:
    """By the names of each group."""
    answer = client.get("/v1/usage", params=asked)
    assert answer.status_code == 200, answer.text
    return {" ".join(_group(item)): item["requests"] for item in answer.json()["items"]}


def _group(item: dict[str, object]) -> Iterator[str]:
    return (str(item[by]) for by in ("tenant", "key", "model", "day", "hour") if by in item)


def test_it_tells_all_counts_by_tenant_unless_it_is_asked_otherwise(client: TestClient) -> None:
    told = client.get("/v1/usage", params={"tenant": "acme"}).json()
    counts = {"requests": 1201, "samples": 9600, "bytes": 5_000_000, "compute_ms": 1.5}
    item = {"tenant": "acme", **counts, "errors": 2, "refused": 3}
    assert told == {"items": [item], "next": None}


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({}, {"acme": 1201, "beta": 12}),
        ({"by": "model"}, {"": 1, "mnist": 1205, "other": 7}),
        ({"by": "day"}, {"2026-11-01": 1205, "2026-11-02": 8}),
        (
            {"by": ["day", "tenant", "day"], "until": "2026-11-02"},
            {"acme 2026-11-01": 1200, "beta 2026-11-01": 5},
        ),
        ({"by": "hour", "tenant": "beta"}, {"2026-11-01T13:00Z": 5, "2026-11-02T12:00Z": 7}),
        ({"key": TOKEN}, {"beta": 5}),
        ({"model": ""}, {"acme": 1}),
        ({"since": "2026-11-01T13:30", "until": "2026-11-02"}, {"beta": 5}),
        ({"since": "2026-11-02T13:00+01:00"}, {"acme": 1, "beta": 7}),
        ({"since": "36500d", "until": "36499d"}, {}),
    ],
)
def test_it_tells_what_is_asked_for(
    client: TestClient, asked: dict[str, str | int | list[str]], told: dict[str, int]
) -> None:
    assert requests(client, **asked) == told


@pytest.mark.parametrize("by", [["tenant"], ["key"], ["day", "key"], ["hour", "model"], ["model"]])
def test_pages_one_after_the_other_are_the_whole(client: TestClient, by: list[str]) -> None:
    whole = client.get("/v1/usage", params={"by": by}).json()
    found, after = [], {}
    # One more than there are: a full page may be the last.
    for _ in range(len(whole["items"]) + 1):
        page = client.get("/v1/usage", params={"by": by, "limit": 1} | after).json()
        found += page["items"]
        after = {"after": page["next"]}
    assert found == whole["items"] and whole["next"] is None and page["next"] is None


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"by": "weather"}, "query.by"),
        ({"by": ["day"] * 6}, "query.by"),
        ({"tenant": "a b"}, "query.tenant"),
        ({"model": "a/b"}, "query.model: model 'a/b' is not a name"),
        ({"limit": 1001}, "query.limit: '1001' is over 1000, the most that it can be"),
        ({"since": "soon"}, "'soon' is neither"),
        ({"since": "1d", "until": "2d"}, "is not before until"),
        ({"after": "%%%"}, "is not the `next`"),
        ({"after": "é"}, "is not the `next`"),
        ({"after": base64.urlsafe_b64encode(b'{"a":1}').decode()}, "is not the `next`"),
        ({"after": base64.urlsafe_b64encode(b'["a","b"]').decode()}, "is no group"),
        ({"after": base64.urlsafe_b64encode(b'["a"]').decode(), "by": "day"}, "is no group"),
    ],
)
def test_what_makes_no_sense_is_a_problem(
    client: TestClient, asked: dict[str, str | int | list[str]], said: str
) -> None:
    answer = client.get("/v1/usage", params=asked)
    assert said in problem(answer, 422, "invalid_value")


def test_it_is_for_admins_alone(plane: AdminPlane) -> None:
    token = plane.new_admin()
    with plane.client() as nobody, plane.client(token) as admin:
        problem(nobody.get("/v1/usage"), 401, "unauthenticated")
        assert requests(admin) == {"acme": 1201, "beta": 12}


@pytest.mark.parametrize("asked", [{"key": "a\0b"}, {"after": NUL_GROUP}], ids=["key", "after"])
def test_nul_is_a_value_that_makes_no_sense(
    database_url: str, tmp_path: Path, asked: dict[str, str]
) -> None:
    with AdminPlane(tmp_path, database_url).client() as client:
        answer = client.get("/v1/usage", params=asked)
        if "postgresql" in database_url:
            problem(answer, 422, "invalid_value")
        else:
            # SQLite takes it, and has nothing of that name.
            assert answer.json() == {"items": [], "next": None}
