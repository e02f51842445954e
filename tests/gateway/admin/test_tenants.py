"""Tenants over the admin API."""

import pytest
from fastapi.testclient import TestClient

from tests.gateway.admin.conftest import problem


def test_a_tenant_is_made_shown_and_removed(client: TestClient) -> None:
    made = client.post("/v1/tenants", json={"name": "acme"})
    assert made.status_code == 201
    view = made.json()
    assert (view["name"], view["disabled"], view["keys"]) == ("acme", None, 0)
    assert client.get("/v1/tenants/acme").json() == view
    problem(client.post("/v1/tenants", json={"name": "acme"}), 409, "conflict")
    for _ in range(2):
        assert client.delete("/v1/tenants/acme").status_code == 204
    problem(client.get("/v1/tenants/acme"), 404, "unknown_record")


@pytest.mark.parametrize("given", [0, 1, "false", None])
def test_what_is_neither_true_nor_false_changes_nothing(client: TestClient, given: object) -> None:
    client.post("/v1/tenants", json={"name": "acme"})
    answer = client.patch("/v1/tenants/acme", json={"disabled": given})
    assert "body.disabled" in problem(answer, 422, "invalid_value")


def test_a_tenant_is_disabled_and_enabled(client: TestClient) -> None:
    key = client.post("/v1/keys", json={"tenant": "acme"}).json()["id"]
    seen = []
    for disabled in (True, True, False):
        changed = client.patch("/v1/tenants/acme", json={"disabled": disabled}).json()
        state = client.get(f"/v1/keys/{key}").json()["state"]
        seen.append((changed["disabled"] is not None, state))
    assert seen == [(True, "tenant disabled")] * 2 + [(False, "in force")]
    problem(client.delete("/v1/tenants/acme"), 409, "conflict")
    answer = client.patch("/v1/tenants/nobody", json={"disabled": True})
    problem(answer, 404, "unknown_record")


def test_pages_lead_from_one_to_the_next(client: TestClient) -> None:
    names = ["a", "b", "c", "d", "e"]
    for name in names:
        client.post("/v1/tenants", json={"name": name})
    seen: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = client.get("/v1/tenants", params={"limit": "2"} | after).json()
        seen += [item["name"] for item in page["items"]]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert seen == names
    for limit in ("0", "1001", "x"):
        problem(client.get("/v1/tenants", params={"limit": limit}), 422, "invalid_value")
