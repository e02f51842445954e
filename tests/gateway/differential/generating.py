"""The generate extension: one JSON in, one JSON or a stream of events out."""

import json
from collections.abc import Iterator
from typing import Any

from tests.gateway.differential.case import Case

_VERBS = ("generate", "generate_stream")


def generate_cases() -> Iterator[Case]:
    for verb in _VERBS:
        yield from _words(verb)
        yield from _story(verb)
        yield from _broken(verb)


def _words(verb: str) -> Iterator[Case]:
    for name, document in {
        "a text": {"text_input": "hello"},
        "an empty text": {"text_input": ""},
        "a long text": {"text_input": "x" * 100_000},
        "unicode": {"text_input": "日本é"},
        "a list": {"text_input": ["a", "b"]},
        "a number": {"text_input": 4},
        "null": {"text_input": None},
        "an object": {"text_input": {"a": 1}},
        "no text": {},
        "id": {"text_input": "a", "id": "7"},
        "parameters": {"text_input": "a", "parameters": {"temperature": 0, "stream": False}},
        "unknown member": {"text_input": "a", "other": 5},
        "binary output": {"text_input": "a", "parameters": {"binary_data_output": True}},
    }.items():
        yield _case(f"{verb}: {name}", f"/v2/models/words/{verb}", document)
    text = _case(f"{verb}: words", f"/v2/models/words/{verb}", {"text_input": "a"})
    yield text.chunked(3)
    yield text.compressed("gzip")
    yield text.with_fields("gzip out", Accept_Encoding="gzip")
    yield text.with_fields("accepts events", Accept="text/event-stream")
    for model, version in (("words", "1"), ("words", "2"), ("unknown", "1")):
        path = f"/v2/models/{model}/versions/{version}/{verb}"
        yield _case(f"{verb}: {model} version {version}", path, {"text_input": "a"})
    yield _case(f"{verb}: unknown model", f"/v2/models/unknown/{verb}", {"text_input": "a"})
    yield _case(f"{verb}: tensors", f"/v2/models/echo/{verb}", {"X": [1, 2, 3, 4]})
    yield _case(f"{verb}: a model that raises", f"/v2/models/broken/{verb}", {"X": [1, 2, 3, 4]})


def _story(verb: str) -> Iterator[Case]:
    for name, document in {
        "three answers": {},
        "one answer": {"count": 1},
        "no answer": {"count": 0},
        "a hundred answers": {"count": 100},
        "slow answers": {"count": 3, "delay_ms": 15},
        "fails at once": {"fail_after": 0},
        "fails after the first": {"fail_after": 1},
        "fails after the last": {"count": 2, "fail_after": 2},
        "count is a text": {"count": "two"},
    }.items():
        path = f"/v2/models/story/{verb}"
        yield _case(f"{verb}: {name}", path, {"text_input": "part", **document})


def _broken(verb: str) -> Iterator[Case]:
    path = f"/v2/models/words/{verb}"
    for body in (b"", b"{", b"[]", b"null", b'{"text_input":', b'{"text_input":"a"}x', b"\xff"):
        yield Case(f"{verb}: body {body!r}", "POST", path, body)


def _case(name: str, path: str, document: Any) -> Case:
    return Case(name, "POST", path, json.dumps(document, ensure_ascii=False).encode())
