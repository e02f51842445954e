"""Which paths exist, and what they need."""

import pytest

from gateway.data.routes import find_route
from gateway.errors import MethodNotAllowed, RouteNotFound
from gateway.permissions import Permission

FOUND = [
    (b"GET", b"/v2", Permission.METADATA, ""),
    (b"GET", b"/v2/health/live", None, ""),
    (b"GET", b"/v2/health/ready", None, ""),
    (b"GET", b"/v2/models/m", Permission.METADATA, "m"),
    (b"GET", b"/v2/models/m/ready", Permission.METADATA, "m"),
    (b"GET", b"/v2/models/m/config", Permission.CONFIG_READ, "m"),
    (b"GET", b"/v2/models/m/stats", Permission.STATS, "m"),
    (b"POST", b"/v2/models/m/infer", Permission.INFER, "m"),
    (b"GET", b"/v2/models/a.b-c_D9/versions/12", Permission.METADATA, "a.b-c_D9"),
    (b"POST", b"/v2/models/m/versions/1/infer", Permission.INFER, "m"),
    (b"GET", b"/v2/models/stats/stats", Permission.STATS, "stats"),
]

NOT_FOUND = [
    b"/",
    b"",
    b"*",
    b"//v2",
    b"/v2/",
    b"/V2",
    b"/v2/health",
    b"/v2/health/live/",
    b"/v2/models",
    b"/v2/models/",
    b"/v2/models/m/",
    b"/v2/models/m/generate",
    b"/v2/models/m/infer/",
    b"/v2/models/ech%6f/infer",
    b"/v2/models/m;x/infer",
    b"/v2/models/m\\x/infer",
    b"/v2/models/./infer",
    b"/v2/models/../infer",
    b"/v2/models/../../logging",
    b"/v2/models/m n/infer",
    b"/v2/models/m\n/infer",
    b"/v2/models/m/infer\n",
    b"/v2/models/m/versions/x",
    b"/v2/models/m/versions/",
    b"/v2/models/m/versions/9999999999999999999",
    b"/v2/models/m/trace/setting",
    # All models' statistics, whoever's they are.
    b"/v2/models/stats",
    b"/v2/models/stats?x",
    b"/v2/repository/index",
    b"/v2/repository/models/m/load",
    b"/v2/systemsharedmemory/status",
    b"/v2/cudasharedmemory/status",
    b"/v2/logging",
    b"/v2/trace/setting",
    b"http://gateway/v2",
    b"/metrics",
    b"/v2/models/" + b"m" * 129,
]


@pytest.mark.parametrize(("method", "path", "permission", "model"), FOUND)
def test_a_path_of_the_protocol_is_found(
    method: bytes, path: bytes, permission: Permission | None, model: str
) -> None:
    route = find_route(method, path)
    assert (route.permission, route.model, route.path) == (permission, model, path)


@pytest.mark.parametrize("target", NOT_FOUND)
def test_every_other_path_does_not_exist(target: bytes) -> None:
    with pytest.raises(RouteNotFound):
        find_route(b"GET", target)


def test_a_query_is_not_passed_on() -> None:
    assert find_route(b"GET", b"/v2/models/m?a=/../b").path == b"/v2/models/m"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        (b"GET", b"/v2/models/m/infer", "POST"),
        (b"HEAD", b"/v2/health/live", "GET"),
        (b"POST", b"/v2/models/m", "GET"),
        (b"DELETE", b"/v2", "GET"),
    ],
)
def test_a_wrong_method_is_told_the_right_one(method: bytes, path: bytes, allowed: str) -> None:
    with pytest.raises(MethodNotAllowed) as caught:
        find_route(method, path)
    assert caught.value.allowed == allowed
