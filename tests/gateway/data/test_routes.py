"""Which paths exist, and what they need."""

import pytest

from gateway.data.routes import find_route
from gateway.errors import MethodNotAllowed, RouteNotFound, SharedMemoryRefused
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
    (b"POST", b"/v2/models/m/generate", Permission.INFER, "m"),
    (b"POST", b"/v2/models/m/versions/2/generate_stream", Permission.INFER, "m"),
    (b"GET", b"/v2/models/m/trace/setting", Permission.TRACE, "m"),
    (b"POST", b"/v2/models/m/trace/setting", Permission.TRACE, "m"),
    (b"GET", b"/v2/models/stats", Permission.STATS, ""),
    (b"POST", b"/v2/repository/index", Permission.REPOSITORY_INDEX, ""),
    (b"POST", b"/v2/repository/models/m/load", Permission.REPOSITORY_LOAD, "m"),
    (b"POST", b"/v2/repository/models/m/unload", Permission.REPOSITORY_LOAD, "m"),
    (b"GET", b"/v2/logging", Permission.LOGGING, ""),
    (b"POST", b"/v2/logging", Permission.LOGGING, ""),
    (b"POST", b"/v2/trace/setting", Permission.TRACE, ""),
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
    # Triton has trace settings of models, not of versions.
    b"/v2/models/m/versions/1/trace/setting",
    b"/v2/models/m/generate_streams",
    b"/v2/models/m/load",
    b"/v2/repository",
    b"/v2/repository/models/m",
    b"/v2/repository/models/../load",
    b"/v2/repository/a/b/index",
    b"/v2/repository/models/stats/infer",
    b"/v2/sharedmemory/status",
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


@pytest.mark.parametrize("device", [b"system", b"cuda"])
@pytest.mark.parametrize("rest", [b"", b"/status", b"/region/r/register", b"/unregister"])
def test_shared_memory_is_always_refused(device: bytes, rest: bytes) -> None:
    with pytest.raises(SharedMemoryRefused, match="send the tensors in the body"):
        find_route(b"POST", b"/v2/%bsharedmemory%b" % (device, rest))


def test_the_repository_that_is_named_is_left_out() -> None:
    assert find_route(b"POST", b"/v2/repository/r/index").path == b"/v2/repository/index"
    route = find_route(b"POST", b"/v2/repository/r/models/m/unload")
    assert (route.path, route.verb) == (b"/v2/repository/models/m/unload", "unload")


def test_a_query_is_not_passed_on() -> None:
    assert find_route(b"GET", b"/v2/models/m?a=/../b").path == b"/v2/models/m"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        (b"GET", b"/v2/models/m/infer", "POST"),
        (b"HEAD", b"/v2/health/live", "GET"),
        (b"POST", b"/v2/models/m", "GET"),
        (b"DELETE", b"/v2", "GET"),
        (b"PUT", b"/v2/logging", "GET, POST"),
    ],
)
def test_a_wrong_method_is_told_the_right_one(method: bytes, path: bytes, allowed: str) -> None:
    with pytest.raises(MethodNotAllowed) as caught:
        find_route(method, path)
    assert caught.value.allowed == allowed
