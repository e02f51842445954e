"""The admin plane's pages, and what every answer of it is like."""

import re

import pytest
from fastapi.testclient import TestClient

from tests.gateway.admin.conftest import AdminPlane, problem


def test_it_answers_without_a_single_worker(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/metrics").status_code == 200


def test_metrics_are_shown_again_when_their_folder_was_removed(
    plane: AdminPlane, client: TestClient
) -> None:
    assert client.get("/metrics").status_code == 200
    (plane.state_dir / "metrics").rmdir()
    assert client.get("/metrics").status_code == 200


def test_all_that_the_docs_need_comes_from_here(client: TestClient) -> None:
    page = client.get("/docs").text
    named = re.findall(r"""(?:src|href)=["']([^"']+)["']""", page)
    assert set(named) == {"/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css", "/docs/favicon.png"}
    assert "://" not in page.replace("http://www.w3.org", "")
    for path in (*named, "/openapi.json"):
        answer = client.get(path)
        assert answer.status_code == 200 and answer.content
        # Were there another address in them, the browser would not ask it.
        assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_the_description_names_every_path(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert set(paths) == {
        *("/healthz", "/metrics"),
        *("/v1/tenants", "/v1/tenants/{tenant}"),
        *("/v1/keys", "/v1/keys/{key}", "/v1/keys/{key}/rotate", "/v1/keys/{key}/revoke"),
        *("/v1/limits", "/v1/limits/{limit_id}"),
        *("/v1/usage", "/v1/audit"),
    }


def test_wrong_paths_methods_and_bodies_are_problems(client: TestClient) -> None:
    problem(client.get("/v1/nothing"), 404, "route_not_found")
    answer = client.put("/v1/tenants")
    problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, POST"
    for body in (b"{", b"[" * 30_000, b'"\xff"'):
        sent = client.post(
            "/v1/tenants", content=body, headers={"Content-Type": "application/json"}
        )
        assert sent.status_code in (400, 422)
        assert sent.headers["content-type"] == "application/problem+json"


def test_a_body_that_is_too_large_is_a_problem_with_a_length_and_in_chunks(
    client: TestClient,
) -> None:
    body = b'{"name": "%b"}' % (b"a" * 70_000)
    for content in (body, iter([body])):
        answer = client.post(
            "/v1/tenants", content=content, headers={"Content-Type": "application/json"}
        )
        problem(answer, 413, "body_too_large")


def test_a_wrong_value_is_named(client: TestClient) -> None:
    said = problem(client.post("/v1/tenants", json={"name": "a b"}), 422, "invalid_value")
    assert said.startswith("body.name: tenant 'a b' is not a name of 1 to 64 ASCII letters")
    said = problem(client.post("/v1/tenants", json={"name": "a", "more": 1}), 422, "invalid_value")
    assert said.startswith("body.more: there is no such member; leave it out")
    long = problem(client.post("/v1/tenants", json={"name": "a" * 5000}), 422, "invalid_value")
    assert len(long) < 500


def test_records_that_cannot_be_read_are_a_503_and_metrics_go_on(
    plane: AdminPlane, client: TestClient
) -> None:
    for file in plane.state_dir.glob("conch.db*"):
        file.unlink()
    (plane.state_dir / "conch.db").write_bytes(b"junk" * 1000)
    answer = client.get("/v1/tenants")
    problem(answer, 503, "records_unavailable")
    assert answer.headers["retry-after"] == "1"
    assert client.get("/metrics").status_code == 200


def test_a_request_id_is_kept_or_made(client: TestClient) -> None:
    kept = client.get("/healthz", headers={"X-Request-Id": "abc-1"})
    assert kept.headers["x-request-id"] == "abc-1"
    made = client.get("/healthz", headers={"X-Request-Id": "a b"})
    assert re.fullmatch(r"[0-9a-f]{16}", made.headers["x-request-id"])
    assert made.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("sent", [None, "application/x-www-form-urlencoded"])
def test_a_body_that_does_not_say_that_it_is_json_is_told_so(
    client: TestClient, sent: str | None
) -> None:
    headers = {} if sent is None else {"Content-Type": sent}
    answer = client.post("/v1/tenants", content=b'{"name": "acme"}', headers=headers)
    said = problem(answer, 422, "invalid_value")
    assert said.endswith(f"Content-Type is {sent or ''!r}, send application/json")


def test_a_body_that_is_nested_too_deep_is_told_so(client: TestClient) -> None:
    headers = {"Content-Type": "application/json"}
    answer = client.post("/v1/tenants", content=b"[" * 5_000, headers=headers)
    said = problem(answer, 400, "malformed_request")
    assert said == "The body's JSON is nested too deep; send an object of values."


def test_a_body_that_is_not_json_is_told_so_with_what_to_send(client: TestClient) -> None:
    headers = {"Content-Type": "application/json"}
    answer = client.post("/v1/tenants", content=b"not json", headers=headers)
    said = problem(answer, 422, "invalid_value")
    assert said == "body: it is not JSON (Expecting value); send a JSON object"


def test_a_member_that_is_given_twice_is_named(client: TestClient) -> None:
    headers = {"Content-Type": "application/json"}
    answer = client.post("/v1/tenants", content=b'{"name": "a", "name": "b"}', headers=headers)
    said = problem(answer, 422, "invalid_value")
    assert said.startswith("body: the member 'name' is given twice")
    assert client.get("/v1/tenants").json()["items"] == []


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("/v1/usage", "known are by, tenant, key"),
        ("/v1/audit", "known are subject, after, limit"),
        ("/v1/tenants/acme", "this path takes none"),
    ],
)
def test_a_parameter_that_a_path_does_not_know_is_named(
    client: TestClient, path: str, known: str
) -> None:
    said = problem(client.get(path, params={"tennant": "acme"}), 422, "invalid_value")
    assert said.startswith("query: 'tennant' is no parameter") and known in said


def test_parameters_are_for_admins_alone(plane: AdminPlane) -> None:
    plane.new_admin()
    with plane.client() as nobody:
        problem(nobody.get("/v1/usage", params={"tennant": "acme"}), 401, "unauthenticated")
