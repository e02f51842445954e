"""The extensions of operators: the repository, trace settings, logging, shared memory."""

from collections.abc import Iterator
from dataclasses import replace

from tests.gateway.differential.case import Case, Ours

_SHARED_MEMORY = Ours(403, "shared_memory_refused")
_OVERRIDE = Ours(403, "load_override_refused")


def operating_cases() -> Iterator[Case]:
    yield from _index()
    yield from _load()
    yield from _trace()
    yield from _logging()
    yield from _shared_memory()


def _index() -> Iterator[Case]:
    path = "/v2/repository/index"
    for body in (b"", b"{}", b'{"ready":true}', b'{"ready":false}', b'{"unknown":1}', b"{", b"[]"):
        yield Case(f"index: {body!r}", "POST", path, body)
    yield Case("index: in chunks", "POST", path, b"{}", chunk_bytes=1)
    yield Case("index: gzip out", "POST", path, b"{}", (("Accept-Encoding", "gzip"),))


def _load() -> Iterator[Case]:
    """Unloads `chain`, looks, and loads it again."""
    path = "/v2/repository/models"
    yield Case("load: loaded already", "POST", f"{path}/chain/load", b"{}")
    yield Case("load: no body", "POST", f"{path}/chain/load")
    yield Case("load: unknown", "POST", f"{path}/unknown/load", b"{}")
    yield Case("unload: unknown", "POST", f"{path}/unknown/unload", b"{}")
    yield Case("unload", "POST", f"{path}/chain/unload", b"{}")
    yield Case("unload: the model is away", "GET", "/v2/models/chain/ready")
    yield Case("unload: its metadata", "GET", "/v2/models/chain")
    # A load before that can end Triton (measured on 2.51).
    done = b'"reason":"unloaded"'
    yield Case("unload: until it is done", "POST", "/v2/repository/index", until=done)
    yield Case("load", "POST", f"{path}/chain/load", b'{"parameters":{}}')
    yield Case("load: the model is back", "GET", "/v2/models/chain/ready")
    for given in (b"true", b"false"):
        body = b'{"parameters":{"unload_dependents":%b}}' % given
        yield Case(f"unload: dependents {given!r}", "POST", f"{path}/unknown/unload", body)
    for name, body in {
        "a configuration": b'{"parameters":{"config":"{}"}}',
        "a file": b'{"parameters":{"config":"{}","file:1/model.py":"AAAA"}}',
        "a file alone": b'{"parameters":{"file:1/model.py":"AAAA"}}',
    }.items():
        yield Case(f"load: {name}", "POST", f"{path}/chain/load", body, ours=_OVERRIDE)


def _trace() -> Iterator[Case]:
    for path in ("/v2/trace/setting", "/v2/models/echo/trace/setting"):
        yield Case(f"GET {path}", "GET", path)
        for body in (
            b'{"trace_rate":"7"}',
            b'{"trace_level":["TIMESTAMPS"],"trace_count":"0"}',
            b'{"trace_level":["NOPE"]}',
            b'{"trace_rate":"x"}',
            b'{"unknown":"1"}',
            b"{",
            b"",
            b'{"trace_rate":null,"trace_level":null,"trace_count":null}',
        ):
            yield Case(f"POST {path}: {body!r}", "POST", path, body)
    yield Case("trace of an unknown model", "GET", "/v2/models/unknown/trace/setting")


def _logging() -> Iterator[Case]:
    path = "/v2/logging"
    yield Case("GET logging", "GET", path)
    for body in (
        b'{"log_verbose_level":0,"log_info":true}',
        b'{"log_format":"default"}',
        b'{"log_info":"yes"}',
        b'{"log_file":"/nowhere"}',
        b"{",
        b"",
    ):
        yield Case(f"POST logging: {body!r}", "POST", path, body)


def _shared_memory() -> Iterator[Case]:
    for kind in ("systemsharedmemory", "cudasharedmemory"):
        path = f"/v2/{kind}"
        for method, rest in (
            ("GET", "/status"),
            ("GET", "/region/r/status"),
            ("POST", "/region/r/register"),
            ("POST", "/region/r/unregister"),
            ("POST", "/unregister"),
        ):
            case = Case(f"{method} {path}{rest}", method, path + rest, ours=_SHARED_MEMORY)
            yield case if method == "GET" else replace(case, body=b'{"key":"/k","byte_size":1}')
