"""What is read and not inferred: the server, models, their versions, configurations, counters."""

import re
from collections.abc import Iterator

from tests.gateway.differential.case import Case, Ours
from tests.gateway.triton_models import MODELS

UNKNOWN = ("unknown", "ECHO", "echo.", "e-c_h.o", "7", "x" * 128)
VERSIONS = ("", "1", "2", "9", "01", "9" * 18)
NOT_FOUND = Ours(404, "route_not_found")
NOT_ALLOWED = Ours(405, "method_not_allowed")


def reading_cases() -> Iterator[Case]:
    for path in ("/v2", "/v2/health/live", "/v2/health/ready"):
        case = Case(f"GET {path}", "GET", path)
        yield case
        yield Case(f"GET {path} with a query", "GET", f"{path}?a=b&c=%20")
        yield case.with_fields("gzip out", Accept_Encoding="gzip")
        yield case.with_fields("deflate out", Accept_Encoding="deflate, br")
    for path in _model_paths("", "/config", "/ready"):
        yield Case(f"GET {path}", "GET", path)
    yield from _ours()


def statistics_cases() -> Iterator[Case]:
    for path in ("/v2/models/stats", *_model_paths("/stats")):
        yield Case(f"GET {path}", "GET", path, comparable=without_counts)


def without_counts(body: bytes) -> bytes:
    """Statistics with every number zero."""
    return re.sub(rb":\d+", b":0", body)


def _model_paths(*verbs: str) -> Iterator[str]:
    for model in MODELS:
        versions = VERSIONS if model in ("echo", "pair") else ("", "1", "2")
        for version in versions:
            for verb in verbs:
                yield f"/v2/models/{model}{_part(version)}{verb}"
    for model in UNKNOWN:
        for verb in verbs:
            yield f"/v2/models/{model}{verb}"
            yield f"/v2/models/{model}/versions/1{verb}"


def _part(version: str) -> str:
    return f"/versions/{version}" if version else ""


def _ours() -> Iterator[Case]:
    for path in (
        "/",
        "/v1",
        "/v2/",
        "//v2",
        "/v2/health",
        "/v2/models",
        "/v2/models/",
        "/v2/models/echo/",
        "/v2/models/echo/nope",
        "/v2/models/echo/versions/",
        "/v2/models/echo/versions/x",
        "/v2/models/echo/versions/-1/ready",
        "/v2/models/ech%6f",
        "/v2/models/..",
        "/v2/models/echo;a=b",
        "/v2/models/" + "x" * 129,
        "/metrics",
    ):
        yield Case(f"GET {path}", "GET", path, ours=NOT_FOUND)
    for method, path in (
        ("DELETE", "/v2/models/echo"),
        ("POST", "/v2"),
        ("POST", "/v2/models/echo"),
        ("POST", "/v2/models/echo/ready"),
        ("POST", "/v2/health/live"),
        ("GET", "/v2/models/echo/infer"),
        ("GET", "/v2/models/unknown/infer"),
    ):
        yield Case(f"{method} {path}", method, path, ours=NOT_ALLOWED)
