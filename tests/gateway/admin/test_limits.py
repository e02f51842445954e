"""Limits over the admin API."""

import pytest
from fastapi.testclient import TestClient

from tests.gateway.admin.conftest import problem


@pytest.fixture(autouse=True)
def _tenant(client: TestClient) -> None:
    client.post("/v1/tenants", json={"name": "acme"})


@pytest.mark.parametrize(
    ("measure", "shown"),
    [
        ({"rate": "5/s"}, {"rate": "5/s", "burst": 5}),
        ({"rate": "60/m", "burst": 7, "metric": "bytes"}, {"rate": "60/m", "burst": 7}),
        ({"concurrency": 8}, {"concurrency": 8}),
        ({"budget": "10/day", "metric": "samples", "models": "mnist_*"}, {"budget": "10/day"}),
    ],
)
def test_a_limit_is_shown_as_it_was_made(
    client: TestClient, measure: dict[str, object], shown: dict[str, object]
) -> None:
    made = client.post("/v1/limits", json={"tenant": "acme"} | measure)
    assert made.status_code == 201
    view = made.json()
    expected = dict.fromkeys(("rate", "burst", "concurrency", "budget")) | shown
    assert {name: view[name] for name in expected} == expected
    assert view["models"] == measure.get("models", "*")
    assert view["metric"] == measure.get("metric", "requests")
    assert client.get(f"/v1/limits/{view['id']}").json() == view
    assert client.get("/v1/limits", params={"tenant": "acme"}).json()["items"] == [view]


def test_a_limit_is_changed_within_its_kind_and_removed(client: TestClient) -> None:
    made = client.post("/v1/limits", json={"tenant": "acme", "rate": "5/s"}).json()
    path = f"/v1/limits/{made['id']}"
    assert client.patch(path, json={"rate": "6/s"}).json() == made | {"rate": "6/s", "burst": 6}
    assert "is a rate" in problem(client.patch(path, json={"concurrency": 1}), 409, "conflict")
    for _ in range(2):
        assert client.delete(path).status_code == 204
    for answer in (client.get(path), client.patch(path, json={"rate": "1/s"})):
        problem(answer, 404, "unknown_record")


def test_another_rate_keeps_a_burst_of_its_own(client: TestClient) -> None:
    for burst, kept in ((50, 50), (None, 20)):
        made = client.post("/v1/limits", json={"tenant": "acme", "rate": "10/s", "burst": burst})
        changed = client.patch(f"/v1/limits/{made.json()['id']}", json={"rate": "20/s"})
        assert changed.json()["burst"] == kept


def test_a_limit_of_one_key_is_found_by_it(client: TestClient) -> None:
    key = client.post("/v1/keys", json={"tenant": "acme"}).json()["id"]
    client.post("/v1/limits", json={"tenant": "acme", "concurrency": 8})
    made = client.post("/v1/limits", json={"tenant": "acme", "key": key, "concurrency": 8})
    assert client.get("/v1/limits", params={"key": key}).json()["items"] == [made.json()]


@pytest.mark.parametrize(
    ("limit", "status", "code"),
    [
        ({}, 422, "invalid_value"),
        ({"rate": "5/s", "concurrency": 8}, 422, "invalid_value"),
        ({"concurrency": 8, "burst": 5}, 422, "invalid_value"),
        ({"concurrency": 8, "metric": "bytes"}, 422, "invalid_value"),
        ({"budget": "9999999999999999/day"}, 422, "invalid_value"),
        ({"rate": "5/s", "tenant": "nobody"}, 404, "unknown_record"),
        ({"rate": "5/s", "key": "zzzzzzzzzzzz"}, 404, "unknown_record"),
    ],
)
def test_a_limit_that_makes_no_sense_is_not_made(
    client: TestClient, limit: dict[str, object], status: int, code: str
) -> None:
    problem(client.post("/v1/limits", json={"tenant": "acme"} | limit), status, code)
    assert client.get("/v1/limits").json()["items"] == []


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ({"rate": "5"}, "body.rate: rate '5' is not NUMBER/s, NUMBER/m or NUMBER/h"),
        ({"rate": f"{10**20}/s"}, "is not between 1/s and 8000000000/s"),
        ({"rate": "5/s", "burst": 0}, "body.burst: burst 0 is not between 1 and"),
        ({"rate": "5/s", "burst": "5"}, "body.burst: '5' is not a whole number"),
        ({"budget": "5/week"}, "body.budget: budget '5/week' is not NUMBER/day or NUMBER/month"),
        ({"budget": f"{10**18}/day"}, "is not between 0 and 9007199254740991"),
        ({"concurrency": 0}, "body.concurrency: concurrency 0 is not between 1 and 1000000"),
        ({"concurrency": True}, "body.concurrency: True is not a whole number; write one as 8"),
        ({"concurrency": "4"}, "body.concurrency: '4' is not a whole number; write one as 8"),
        ({"concurrency": 4, "models": "[a-"}, "model pattern '[a-' matches no model's name"),
        ({"concurrency": 4, "key": "x"}, "body.key: id 'x' is not 12 ASCII letters and digits"),
        ({"concurrency": 4, "metric": "x"}, "body.metric: 'x' is not one of 'requests'"),
    ],
)
def test_a_wrong_value_is_told_in_the_sentences_of_the_command_line(
    client: TestClient, limit: dict[str, object], said: str
) -> None:
    answer = client.post("/v1/limits", json={"tenant": "acme"} | limit)
    assert said in problem(answer, 422, "invalid_value")


def test_an_id_that_is_none_is_told_its_form(client: TestClient) -> None:
    answer = client.patch("/v1/limits/none", json={"rate": "5/s"})
    said = problem(answer, 422, "invalid_value")
    assert said.startswith("path.limit_id: id 'none' is not 12 ASCII letters and digits")
