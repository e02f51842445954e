"""The error tree: every HTTP error has its own status line, code and body."""

from collections.abc import Iterator

import http_sfv
import msgspec
import pytest

from gateway import errors
from gateway.errors import HttpError, QuotaExceeded, problem_body, problem_headers


def _leaves(kind: type[HttpError]) -> Iterator[type[HttpError]]:
    children = kind.__subclasses__()
    if not children:
        yield kind
    for child in children:
        yield from _leaves(child)


LEAVES = list(_leaves(HttpError))


@pytest.mark.parametrize("kind", LEAVES, ids=lambda kind: kind.__name__)
def test_every_error_is_drawn_in_the_tree_and_complete(kind: type[HttpError]) -> None:
    assert errors.__doc__ is not None
    assert f" {kind.__name__}" in errors.__doc__
    assert 400 <= kind.status < 600
    assert kind.title and kind.code.islower()


def test_codes_are_unique() -> None:
    assert len({kind.code for kind in LEAVES}) == len(LEAVES)


def test_the_body_repeats_its_detail_where_tritons_clients_read_it() -> None:
    body = msgspec.json.decode(problem_body(errors.RouteNotFound("no path '/x'"), "id-1"))
    assert body == {
        "type": "about:blank",
        "title": "No such path",
        "status": 404,
        "detail": "no path '/x'",
        "code": "route_not_found",
        "request_id": "id-1",
        "error": "no path '/x'",
    }


def test_rate_limit_fields_parse_as_structured_fields() -> None:
    error = QuotaExceeded("slow down", policy="requests", quota=200, window_s=2, retry_after_s=3)
    fields = dict(problem_headers(error))
    policy, limit = http_sfv.List(), http_sfv.List()
    policy.parse(fields[b"RateLimit-Policy"])
    limit.parse(fields[b"RateLimit"])
    assert (policy[0].value, dict(policy[0].params)) == ("requests", {"q": 200, "w": 2})
    assert (limit[0].value, dict(limit[0].params)) == ("requests", {"r": 0, "t": 3})
    assert fields[b"Retry-After"] == b"3"


def test_proxy_status_parses_as_a_structured_field() -> None:
    for kind in LEAVES:
        field = http_sfv.List()
        field.parse(f"conch; error={kind.proxy_error}".encode())
        assert str(field[0].value) == "conch"


def test_an_exceeded_quota_names_the_policy() -> None:
    error = QuotaExceeded("slow down", policy="requests", quota=1, window_s=1, retry_after_s=1)
    body = msgspec.json.decode(problem_body(error, "id"))
    assert body["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded"
    assert body["violated-policies"] == ["requests"]
