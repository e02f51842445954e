"""The paths that exist, and what each needs: an allow list on the raw bytes of the target."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.errors import MethodNotAllowed, RouteNotFound
from gateway.permissions import Permission


@dataclass(frozen=True, slots=True)
class Route:
    """One path that exists; `path` is rebuilt from its parts and is what Triton is asked for."""

    # None: anybody may.
    permission: Permission | None
    method: bytes
    path: bytes
    model: str = ""
    # "", "infer", "ready", "config" or "stats".
    verb: str = ""


READY = b"/v2/health/ready"

# Triton never decodes escapes, so names are matched as they came; '%', ';', '\' have no place.
_MODEL_PATH = re.compile(
    rb"/v2/models/([A-Za-z0-9._-]{1,128})"
    # Triton's version is an int64.
    rb"(?:/versions/([0-9]{1,18}))?"
    rb"(?:/(infer|ready|config|stats))?"
)
_PERMISSIONS = {
    "": Permission.METADATA,
    "infer": Permission.INFER,
    "ready": Permission.METADATA,
    "config": Permission.CONFIG_READ,
    "stats": Permission.STATS,
}
_SERVER_ROUTES: Mapping[bytes, Route] = {
    route.path: route
    for route in (
        Route(Permission.METADATA, b"GET", b"/v2"),
        Route(None, b"GET", b"/v2/health/live"),
        Route(None, b"GET", READY),
    )
}
_MAX_CACHED = 4096
_cached: dict[bytes, Route] = {}


def find_route(method: bytes, target: bytes) -> Route:
    """The route of a request, else RouteNotFound or MethodNotAllowed; a query is left out."""
    # Triton reads no query on these paths.
    path = target.partition(b"?")[0]
    route = _cached.get(path) or _remember(path)
    if method != route.method:
        allowed = route.method.decode()
        raise MethodNotAllowed(f"{_shown(method)} is not allowed here; use {allowed}.", allowed)
    return route


def _remember(path: bytes) -> Route:
    route = _SERVER_ROUTES.get(path) or _model_route(path)
    if len(_cached) >= _MAX_CACHED:
        _cached.clear()
    _cached[path] = route
    return route


def _model_route(path: bytes) -> Route:
    match = _MODEL_PATH.fullmatch(path)
    # /v2/models/stats is Triton's statistics of all models, whoever's they are.
    if match is None or path == b"/v2/models/stats" or not match[1].strip(b"."):
        raise RouteNotFound(f"There is no path {_shown(path)}; see the Open Inference Protocol.")
    model, version, verb = match[1], match[2], match[3] or b""
    rebuilt = b"/v2/models/" + model
    if version is not None:
        rebuilt += b"/versions/" + version
    if verb:
        rebuilt += b"/" + verb
    name = verb.decode()
    method = b"POST" if name == "infer" else b"GET"
    return Route(_PERMISSIONS[name], method, rebuilt, model.decode(), name)


def _shown(raw: bytes) -> str:
    return ascii(raw[:200].decode("latin-1"))
