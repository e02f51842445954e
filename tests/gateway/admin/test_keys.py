"""Keys over the admin API."""

from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient

from gateway import keys
from tests.gateway.admin.conftest import AdminPlane, problem


def test_a_key_is_made_on_its_terms_and_its_secret_is_shown_once(
    plane: AdminPlane, client: TestClient
) -> None:
    expires = datetime.now(UTC) + timedelta(days=1)
    terms = {
        "tenant": "acme",
        "grants": ["infer,stats=mnist_*"],
        "rate": "5/s",
        "networks": ["10.0.0.0/8"],
        "expires": expires.isoformat(),
    }
    made = client.post("/v1/keys", json=terms)
    assert made.status_code == 201
    key_id, token = made.json()["id"], made.json()["key"]
    found = plane.change(lambda records: records.find_key(key_id))
    assert keys.matches(found, keys.hash_token(token.encode()))
    shown = client.get(f"/v1/keys/{key_id}")
    view = shown.json()
    assert (view["rate"], view["burst"], view["state"]) == ("5/s", 5, "in force")
    assert view["grants"] == terms["grants"] and view["networks"] == terms["networks"]
    secret = token.split("_")[2]
    for answer in (shown, client.get("/v1/keys"), client.get("/v1/audit")):
        assert key_id in answer.text and secret not in answer.text


def test_a_certificate_stands_for_one_key(client: TestClient) -> None:
    given = {"tenant": "acme", "tls_subject": "CN=trainer,O=Acme"}
    made = client.post("/v1/keys", json=given)
    assert made.status_code == 201 and made.json()["key"] is None
    problem(client.post("/v1/keys", json=given), 409, "conflict")


def test_a_rotation_shows_the_new_secret_and_until_when_the_old_goes_on(
    client: TestClient,
) -> None:
    made = client.post("/v1/keys", json={"tenant": "acme"}).json()
    rotated = client.post(f"/v1/keys/{made['id']}/rotate", json={"overlap": "12h"})
    assert rotated.status_code == 200 and rotated.json()["key"] != made["key"]
    left = datetime.fromisoformat(rotated.json()["old_secret_ends"]) - datetime.now(UTC)
    assert timedelta(hours=11) < left <= timedelta(hours=12)
    again = client.post(f"/v1/keys/{made['id']}/rotate", json={})
    assert "two secrets until" in problem(again, 409, "conflict")
    unknown = client.post("/v1/keys/zzzzzzzzzzzz/rotate", json={})
    problem(unknown, 404, "unknown_record")


def test_revoking_twice_is_revoking_once(client: TestClient) -> None:
    made = client.post("/v1/keys", json={"tenant": "acme"}).json()
    first, second = (client.post(f"/v1/keys/{made['id']}/revoke") for _ in range(2))
    assert first.status_code == 200 and first.json()["state"] == "revoked"
    assert second.json() == first.json()
    entries = client.get("/v1/audit", params={"subject": made["id"]}).json()["items"]
    assert [entry["action"] for entry in entries] == ["key.revoke", "key.create"]
    problem(client.post("/v1/keys/zzzzzzzzzzzz/revoke"), 404, "unknown_record")


def test_keys_are_filtered_by_tenant_and_paged(client: TestClient) -> None:
    made = [
        client.post("/v1/keys", json={"tenant": tenant}).json()["id"] for tenant in ("a", "a", "b")
    ]
    page = client.get("/v1/keys", params={"tenant": "a", "limit": "1"}).json()
    rest = client.get("/v1/keys", params={"tenant": "a", "after": page["next"]}).json()
    assert rest["next"] is None
    assert [item["id"] for item in page["items"] + rest["items"]] == sorted(made[:2])


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ({"models": ["a"], "grants": ["infer"]}, "give one of them"),
        ({"grants": ["inferr"]}, "'inferr'"),
        ({"burst": 5}, "burst 5 without a rate"),
        ({"rate": "9000000000/s"}, "rate '9000000000/s'"),
        ({"rate": "5"}, "body.rate"),
        ({"expires": "2020-01-01T00:00:00Z"}, "has passed already"),
        ({"expires": "0001-01-01T00:00:00+14:00"}, "out of range"),
        ({"expires": "2030-01-01T00:00:00"}, "timezone"),
        ({"networks": ["10.0.0.1/8"]}, "did you mean 10.0.0.0/8"),
        ({"tls_subject": "trainer"}, "RFC 4514"),
        ({"tls_subject": "CN=\x00"}, ""),
    ],
)
def test_terms_that_make_no_sense_are_named_and_no_key_is_made(
    client: TestClient, terms: dict[str, object], said: str
) -> None:
    answer = client.post("/v1/keys", json={"tenant": "acme"} | terms)
    assert said in problem(answer, 422, "invalid_value")
    assert client.get("/v1/keys").json()["items"] == []
