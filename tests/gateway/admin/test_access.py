"""Who may use the admin API, and in whose name changes stand in the audit log."""

import asyncio
import time

import pytest

from gateway.admin.access import Access
from gateway.admins import new_token
from gateway.data.peer import Peer
from gateway.errors import Unauthenticated
from gateway.records.store import Records
from tests.gateway.admin.conftest import AdminPlane, problem


def test_before_any_admin_it_is_open_on_loopback_alone(plane: AdminPlane) -> None:
    with plane.client() as client:
        assert client.post("/v1/tenants", json={"name": "acme"}).status_code == 201
        (entry,) = client.get("/v1/audit").json()["items"]
        assert entry["actor"] == "loopback"
    for access in ({"is_loopback": False}, {"may_be_open": False}):
        with plane.client(**access) as client:
            answer = client.get("/v1/tenants")
            assert "conch admins create" in problem(answer, 401, "unauthenticated")
            assert answer.headers["www-authenticate"] == 'Bearer realm="conch"'
            assert client.get("/metrics").status_code == 200


def test_from_the_first_admin_on_everybody_needs_a_token(plane: AdminPlane) -> None:
    token = plane.new_admin("deploy")
    with plane.client() as client:
        for path in ("/v1/tenants", "/v1/keys", "/v1/limits", "/v1/audit"):
            problem(client.get(path), 401, "unauthenticated")
        made = client.post(
            "/v1/tenants", json={"name": "a"}, headers={"Authorization": f"Bearer {token}"}
        )
        assert made.status_code == 201
    with plane.client(token) as client:
        entries = client.get("/v1/audit", params={"subject": "a"}).json()["items"]
        assert [entry["actor"] for entry in entries] == ["admin:deploy"]


def test_a_revoked_admin_is_out_at_once_and_opens_nothing(plane: AdminPlane) -> None:
    token = plane.new_admin()
    with plane.client(token) as client:
        assert client.get("/v1/tenants").status_code == 200
        plane.change(lambda records: records.revoke_admin("ops"))
        answer = client.get("/v1/tenants")
        problem(answer, 401, "unauthenticated")
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    with plane.client() as client:
        problem(client.get("/v1/tenants"), 401, "unauthenticated")


@pytest.mark.parametrize(
    "given",
    [
        "Bearer x",
        pytest.param(f"Bearer {new_token()}", id="unknown"),
        "Basic YTpi",
        "Bearer",
        "Bearer ck_a_b_c",
    ],
)
def test_what_is_no_token_of_an_admin_is_refused_even_where_none_is_needed(
    plane: AdminPlane, given: str
) -> None:
    with plane.client() as client:
        answer = client.get("/v1/tenants", headers={"Authorization": given})
        problem(answer, 401, "unauthenticated")


def test_a_certificate_is_an_admin_by_its_subject_while_it_lasts(plane: AdminPlane) -> None:
    plane.change(lambda records: records.create_certificate_admin("alice", "CN=alice,O=Acme"))

    async def actor(subject: str, ends_s: float) -> str:
        records = Records(plane.url)
        try:
            access = Access(records, may_be_open=True)
            return await access.actor(None, Peer("127.0.0.1", subject, ends_s))
        finally:
            await records.close()

    later_s = time.time() + 60
    assert asyncio.run(actor("CN=alice,O=Acme", later_s)) == "admin:alice"
    for subject, ends_s in (("CN=mallory,O=Acme", later_s), ("CN=alice,O=Acme", later_s - 120)):
        with pytest.raises(Unauthenticated):
            asyncio.run(actor(subject, ends_s))
