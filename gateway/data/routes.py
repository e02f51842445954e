"""The paths that exist, and what each needs: an allow list on the raw bytes of the target."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.data.log_members import members
from gateway.errors import MethodNotAllowed, RouteNotFound, SharedMemoryRefused
from gateway.permissions import Permission

_OF_ONE = frozenset(
    {Permission.STATS, Permission.REPOSITORY_INDEX, Permission.TRACE, Permission.LOGGING}
)
_CHANGES = frozenset({Permission.REPOSITORY_LOAD, Permission.TRACE, Permission.LOGGING})
_GET = (b"GET",)
_POST = (b"POST",)


@dataclass(frozen=True, slots=True)
class Route:
    """One path that exists; `path` is rebuilt from its parts and is what Triton is asked for."""

    # None: anybody may.
    permission: Permission | None
    methods: tuple[bytes, ...]
    path: bytes
    # Empty: the path is the server's.
    model: str = ""
    # What stands behind the model: "", "infer", "ready" ... or "load" and "unload".
    verb: str = ""
    # Whether the answer lists models; it is cut down to those that the caller may know of.
    is_list: bool = False
    # Whether Triton is another after a POST, so that all of several must have it.
    changes_server: bool = field(init=False, repr=False, compare=False)
    # Whether what one Triton answers is true of that one only.
    is_of_one: bool = field(init=False, repr=False, compare=False)
    # As the access log tells it.
    log_members: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        told = members(path=self.path.decode(), model=self.model)
        object.__setattr__(self, "log_members", told)
        object.__setattr__(self, "changes_server", self.permission in _CHANGES)
        object.__setattr__(self, "is_of_one", self.permission in _OF_ONE)


READY = b"/v2/health/ready"

# Triton never decodes escapes, so names are matched as they came; '%', ';', '\' have no place.
_NAME = rb"[A-Za-z0-9._-]{1,128}"
_MODEL_PATH = re.compile(
    rb"/v2/models/(%b)"
    # Triton's version is an int64.
    rb"(?:/versions/([0-9]{1,18}))?"
    rb"(?:/(infer|generate|generate_stream|ready|config|stats|trace/setting))?" % _NAME
)
_LOAD_PATH = re.compile(rb"/v2/repository(?:/%b)?/models/(%b)/(load|unload)" % (_NAME, _NAME))
_INDEX_PATH = re.compile(rb"/v2/repository(?:/%b)?/index" % _NAME)
_SHARED_MEMORY_PATH = re.compile(rb"/v2/(?:system|cuda)sharedmemory(?:/.*)?")

_VERBS: Mapping[bytes, tuple[Permission, tuple[bytes, ...]]] = {
    b"": (Permission.METADATA, _GET),
    b"ready": (Permission.METADATA, _GET),
    b"config": (Permission.CONFIG_READ, _GET),
    b"stats": (Permission.STATS, _GET),
    b"infer": (Permission.INFER, _POST),
    b"generate": (Permission.INFER, _POST),
    b"generate_stream": (Permission.INFER, _POST),
    b"trace/setting": (Permission.TRACE, _GET + _POST),
}
# Their bodies hold tensors, so they may be large.
TENSOR_VERBS = frozenset({"infer", "generate", "generate_stream"})
LOAD_VERBS = frozenset({"load", "unload"})
HEALTH_ROUTES = (
    Route(None, _GET, b"/v2/health/live", verb="live"),
    Route(None, _GET, READY, verb="ready"),
)
_SERVER_ROUTES: Mapping[bytes, Route] = {
    route.path: route
    for route in (
        *HEALTH_ROUTES,
        Route(Permission.METADATA, _GET, b"/v2"),
        # Triton reads this as the statistics of all models, also where a model is called `stats`.
        Route(Permission.STATS, _GET, b"/v2/models/stats", is_list=True),
        Route(Permission.TRACE, _GET + _POST, b"/v2/trace/setting"),
        Route(Permission.LOGGING, _GET + _POST, b"/v2/logging"),
    )
}
_MAX_CACHED = 4096
_cached: dict[bytes, Route] = {}


def find_route(method: bytes, target: bytes) -> Route:
    """The route of a request; a query is left out, as Triton reads none on these paths.

    Raises RouteNotFound, MethodNotAllowed or SharedMemoryRefused.
    """
    route = _cached.get(target) or _remember(target)
    if method not in route.methods:
        allowed = b", ".join(route.methods).decode()
        raise MethodNotAllowed(f"{_shown(method)} is not allowed here; use {allowed}.", allowed)
    return route


def _remember(target: bytes) -> Route:
    path = target.partition(b"?")[0]
    route = _SERVER_ROUTES.get(path) or _parse(path)
    if path == target:
        if len(_cached) >= _MAX_CACHED:
            # Dictionaries keep their order: the oldest entry goes.
            del _cached[next(iter(_cached))]
        _cached[path] = route
    return route


def _parse(path: bytes) -> Route:
    if match := _MODEL_PATH.fullmatch(path):
        return _model_route(path, *match.groups())
    if match := _LOAD_PATH.fullmatch(path):
        _check_name(path, match[1])
        # The repository's name is left out: Triton has one, and reads none.
        rebuilt = b"/v2/repository/models/%b/%b" % match.groups()
        load = Permission.REPOSITORY_LOAD
        return Route(load, _POST, rebuilt, match[1].decode(), match[2].decode())
    if _INDEX_PATH.fullmatch(path):
        return Route(Permission.REPOSITORY_INDEX, _POST, b"/v2/repository/index", is_list=True)
    if _SHARED_MEMORY_PATH.fullmatch(path):
        raise SharedMemoryRefused(
            "Shared memory is that of Triton's own machine and is not served here; "
            "send the tensors in the body."
        )
    raise _not_found(path)


def _model_route(path: bytes, model: bytes, version: bytes | None, verb: bytes | None) -> Route:
    _check_name(path, model)
    permission, methods = _VERBS[verb or b""]
    rebuilt = b"/v2/models/" + model
    if version is not None:
        if verb == b"trace/setting":
            # Triton knows trace settings of a model only.
            raise _not_found(path)
        rebuilt += b"/versions/" + version
    if verb:
        rebuilt += b"/" + verb
    return Route(permission, methods, rebuilt, model.decode(), (verb or b"").decode())


def _check_name(path: bytes, model: bytes) -> None:
    """A name of dots alone is a place."""
    if not model.strip(b"."):
        raise _not_found(path)


def _not_found(path: bytes) -> RouteNotFound:
    return RouteNotFound(f"There is no path {_shown(path)}; see the Open Inference Protocol.")


def _shown(raw: bytes) -> str:
    return ascii(raw[:200].decode("latin-1"))
