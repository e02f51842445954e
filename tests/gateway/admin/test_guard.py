"""Pages of other sites get nothing, though the browser of an operator reaches the admin plane."""

import pytest
from fastapi.testclient import TestClient

from tests.gateway.admin.conftest import AdminPlane, problem

OUR_HOST = {"Host": "localhost:8081"}


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8081", "localhost:8081", "localhost", "127.0.0.2", "[::1]:8081"]
)
def test_names_of_loopback_are_served(client: TestClient, host: str) -> None:
    assert client.get("/v1/tenants", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example:8081", "127.0.0.1.evil.example", "192.0.2.1", "", "[", "localhost."]
)
def test_a_name_that_another_site_lets_point_here_is_refused(client: TestClient, host: str) -> None:
    for path in ("/v1/tenants", "/docs", "/openapi.json", "/nothing"):
        problem(client.get(path, headers={"Host": host}), 421, "host_refused")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "https://localhost:8081"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_page_of_another_site_is_refused(client: TestClient, headers: dict[str, str]) -> None:
    for method in ("GET", "POST", "OPTIONS"):
        answer = client.request(method, "/v1/tenants", headers=OUR_HOST | headers)
        problem(answer, 403, "cross_origin_refused")
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://localhost:8081", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {},
    ],
)
def test_the_docs_page_and_programs_are_served(client: TestClient, headers: dict[str, str]) -> None:
    assert client.get("/v1/tenants", headers=OUR_HOST | headers).status_code == 200


def test_a_form_of_another_site_makes_nothing(client: TestClient) -> None:
    # What a page can send without asking: no Origin from old browsers, and no JSON.
    sent = client.post(
        "/v1/tenants", content=b'{"name":"x"}', headers={"Content-Type": "text/plain"}
    )
    problem(sent, 422, "invalid_value")
    assert client.get("/v1/tenants").json()["items"] == []


def test_scrapers_and_probes_call_by_any_name(client: TestClient) -> None:
    for path in ("/metrics", "/healthz"):
        assert client.get(path, headers={"Host": "conch.example:9"}).status_code == 200


def test_where_other_machines_call_any_name_does_and_other_sites_do_not(plane: AdminPlane) -> None:
    token = plane.new_admin()
    with plane.client(token, is_loopback=False) as client:
        host = {"Host": "conch.example"}
        assert client.get("/v1/tenants", headers=host).status_code == 200
        other = client.get("/v1/tenants", headers=host | {"Origin": "http://evil.example"})
        problem(other, 403, "cross_origin_refused")
