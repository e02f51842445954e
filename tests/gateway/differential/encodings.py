"""Content codings and framings, of request and answer, in all combinations."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

from tests.gateway.differential.bodies import Inference, echo, pair, words
from tests.gateway.differential.case import Case

_BINARY_ANSWER = {"parameters": {"binary_data_output": True}}
_ACCEPTED = ("", "identity", "gzip", "deflate", "gzip, deflate", "br, gzip;q=0.5", "*", "gzip;q=0")
_CHUNKS = (None, 1, 16, 100_000)


def encoding_cases() -> Iterator[Case]:
    forms = {
        "JSON": pair(2),
        "binary": pair(2, binary=True, **_BINARY_ANSWER),
    }
    for (name, form), coding, accepted in product(
        forms.items(), ("", "gzip", "deflate"), _ACCEPTED
    ):
        yield _encoded(form.case(f"pair {name}"), coding, accepted)
    for (name, form), coding, size in product(forms.items(), ("", "gzip", "deflate"), _CHUNKS):
        if size is not None:
            yield _encoded(form.case(f"pair {name}"), coding, "").chunked(size)
    yield from _raw()
    yield from _sizes()


def _encoded(case: Case, coding: str, accepted: str) -> Case:
    if coding:
        case = case.compressed(coding)
    return case.with_fields(f"{accepted} out", Accept_Encoding=accepted) if accepted else case


def _raw() -> Iterator[Case]:
    """Raw binary: no JSON at all, the one input is the body."""
    raw = Case("echo raw", "POST", "/v2/models/echo/infer", echo(binary=True).tail())
    raw = replace(raw, fields=(("Inference-Header-Content-Length", "0"),))
    yield raw
    yield raw.chunked(5)
    yield raw.compressed("gzip")
    yield raw.with_fields("gzip out", Accept_Encoding="gzip")
    yield replace(raw, name="echo raw, too short", body=raw.body[:-1])
    yield replace(raw, name="echo raw, too long", body=raw.body + b"\0")
    yield replace(raw, name="echo raw, empty", body=b"")
    yield replace(raw, name="pair raw: two inputs", path="/v2/models/pair/infer")
    text = words("hello", binary=True).tail()
    yield replace(raw, name="words raw", path="/v2/models/words/infer", body=text)
    yield replace(raw, name="words raw, no length", path="/v2/models/words/infer", body=b"hello")


def _sizes() -> Iterator[Case]:
    """Around the sizes at which the gateway begins to stream."""
    for size in (1, 1000, 65_000, 65_536, 66_000, 300_000):
        text: Inference = words("x" * size)
        yield text.case(f"words of {size} bytes")
        yield text.case(f"words of {size} bytes").chunked(10_000)
        yield words("x" * size, binary=True, **_BINARY_ANSWER).case(f"words of {size} raw bytes")
