"""Who may take which route."""

import pytest

from gateway.data.authorize import authorize
from gateway.data.routes import find_route
from gateway.errors import PermissionMissing
from gateway.permissions import Grants, client_grants, parse_grant


def grants(*texts: str) -> Grants:
    return tuple(map(parse_grant, texts))


@pytest.mark.parametrize(
    ("method", "path", "grant"),
    [
        (b"GET", b"/v2", "metadata=a"),
        (b"GET", b"/v2/models/a", "metadata=a"),
        (b"GET", b"/v2/models/a/ready", "metadata=a"),
        (b"GET", b"/v2/models/a/config", "config:read=a"),
        (b"GET", b"/v2/models/a/stats", "stats=a"),
        (b"GET", b"/v2/models/stats", "stats=a"),
        (b"POST", b"/v2/models/a/infer", "infer=a"),
        (b"POST", b"/v2/models/a/generate", "infer=a"),
        (b"POST", b"/v2/models/a/generate_stream", "infer=a"),
        (b"POST", b"/v2/repository/index", "repository:index=a"),
        (b"POST", b"/v2/repository/models/a/load", "repository:load=a"),
        (b"POST", b"/v2/repository/models/a/unload", "repository:load=a"),
        (b"GET", b"/v2/models/a/trace/setting", "trace=a"),
        (b"POST", b"/v2/trace/setting", "trace"),
        (b"POST", b"/v2/logging", "logging"),
    ],
)
def test_each_route_needs_its_own_permission(method: bytes, path: bytes, grant: str) -> None:
    route = find_route(method, path)
    assert authorize(route, grants(grant))
    every = {"infer", "metadata", "stats", "config:read", "repository:index"}
    every |= {"repository:load", "trace", "logging"}
    others = ",".join(sorted(every - {grant.partition("=")[0]}))
    with pytest.raises(PermissionMissing, match=grant.partition("=")[0]):
        authorize(route, grants(f"{others}=*"))


@pytest.mark.parametrize("verb", [b"", b"/ready", b"/config", b"/stats"])
def test_a_model_outside_all_grants_is_hidden(verb: bytes) -> None:
    route = find_route(b"GET", b"/v2/models/b" + verb)
    assert authorize(route, grants("*=a")) is False


@pytest.mark.parametrize(
    ("method", "path"),
    [
        (b"POST", b"/v2/repository/models/b/load"),
        (b"GET", b"/v2/models/b/trace/setting"),
        (b"POST", b"/v2/trace/setting"),
        (b"GET", b"/v2/logging"),
    ],
)
def test_what_changes_the_server_is_refused_outside_its_grants(method: bytes, path: bytes) -> None:
    with pytest.raises(PermissionMissing):
        authorize(find_route(method, path), grants("*=a"))


def test_a_usual_key_may_ask_and_not_change() -> None:
    usual = client_grants(("*",))
    assert authorize(find_route(b"POST", b"/v2/repository/index"), usual)
    for path in (b"/v2/repository/models/a/load", b"/v2/logging", b"/v2/trace/setting"):
        with pytest.raises(PermissionMissing):
            authorize(find_route(b"POST", path), usual)
