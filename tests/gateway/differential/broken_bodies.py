"""Bodies that are broken: lengths that contradict one another, JSON and codings that are none."""

import json
import zlib
from collections.abc import Iterator
from dataclasses import replace

from tests.gateway.differential.bodies import echo, infer_case, pair, words
from tests.gateway.differential.case import Case, Ours

_ECHO = "/v2/models/echo/infer"


def broken_body_cases() -> Iterator[Case]:
    yield from _lengths()
    yield from _broken_json()
    yield from _codings()


def _lengths() -> Iterator[Case]:
    """Binary data whose lengths contradict one another."""
    case = echo(binary=True).case("lengths")
    json_bytes = int(dict(case.fields)["Inference-Header-Content-Length"])
    for given in (0, 1, json_bytes - 1, json_bytes + 1, len(case.body), len(case.body) + 1):
        yield _with_length(case, f"JSON's length given as {given}", str(given))
    for text in ("-1", "x", "", "1e2", "0x10", "+4", "1_0", "9" * 30):
        wrong = replace(case, ours=Ours(400, "malformed_request"))
        yield _with_length(wrong, f"JSON's length given as {text[:5]!r}", text)
    yield replace(case, name="lengths: JSON's length not given", fields=())
    for size in (0, 1, 15, 16, 17, -1, 2**40, "16", 16.5, None):
        document = echo(binary=True).document()
        document["inputs"][0]["parameters"]["binary_data_size"] = size
        tail = echo(binary=True).tail()
        yield infer_case(f"lengths: binary_data_size {size!r}", _ECHO, document, tail)
    for change in (-16, -1, 1, 16):
        tail = (case.body[json_bytes:] + b"\0" * 16)[: 16 + change]
        document = echo(binary=True).document()
        yield infer_case(f"lengths: {16 + change} bytes for 16", _ECHO, document, tail)
    one = pair(binary=True)
    yield infer_case("lengths: half of two", one.path, one.document(), one.tail()[:12])
    text = words("hello", binary=True)
    for length in (0, 4, 6, 2**31, 2**32 - 1):
        tail = length.to_bytes(4, "little") + b"hello"
        name = f"lengths: text of 5 bytes said to have {length}"
        yield infer_case(name, text.path, text.document(), tail)


def _with_length(case: Case, name: str, value: str) -> Case:
    return replace(
        case, name=f"lengths: {name}", fields=(("Inference-Header-Content-Length", value),)
    )


def _broken_json() -> Iterator[Case]:
    text = json.dumps(echo().document()).encode()
    for end in range(0, len(text), 5):
        yield Case(f"JSON cut at {end}", "POST", _ECHO, text[:end])
    for name, body in {
        "a list": b"[]",
        "a number": b"1",
        "a text": b'"x"',
        "null": b"null",
        "an empty object": b"{}",
        "rest behind it": text + b"x",
        "white space around it": b" \n" + text + b"\n ",
        "a byte order mark": b"\xef\xbb\xbf" + text,
        "a zero byte": text + b"\0",
        "single quotes": text.replace(b'"', b"'"),
        "a comma too many": text.replace(b"]", b",]", 1),
        "not a number": text.replace(b"0.25", b"NaN"),
        "infinite": text.replace(b"0.25", b"Infinity"),
        "not UTF-8": text.replace(b"X", b"\xff"),
        "escapes": text.replace(b'"X"', b'"X\\u003c"'),
        "a name twice": text.replace(b'"name": "X"', b'"name": "Z", "name": "X"'),
        "not JSON at all": bytes(range(256)),
        "20 lists deep": b'{"inputs":' + b"[" * 20 + b"]" * 20 + b"}",
    }.items():
        yield Case(f"JSON: {name}", "POST", _ECHO, body)
    yield from _dangerous_json()


def _dangerous_json() -> Iterator[Case]:
    """What could end Triton is never sent to it."""
    document = json.dumps(echo().document())
    for name, text in {
        "200 lists deep": '{"inputs":' + "[" * 200 + "]" * 200 + "}",
        "a shape of a billion": document.replace("[1, 4]", "[1, 1000000000]"),
        "a shape of many axes": document.replace("[1, 4]", "[256, 256, 256, 256]"),
        "letters escaped": document.replace('"shape"', '"sh\\u0061pe"'),
    }.items():
        ours = Ours(400, "malformed_request")
        yield Case(f"JSON: {name}", "POST", _ECHO, text.encode(), ours=ours)
    region = {"shared_memory_region": "r", "shared_memory_byte_size": 16}
    for side in ("inputs", "outputs"):
        shared = echo().document() | {"outputs": [{"name": "Y"}]}
        shared[side][0]["parameters"] = region
        case = infer_case(f"{side} in shared memory", _ECHO, shared)
        yield replace(case, ours=Ours(403, "shared_memory_refused"))


def _codings() -> Iterator[Case]:
    plain = echo().case("coding")
    for coding in ("gzip", "deflate"):
        packed = plain.compressed(coding)
        name = f"coding: {coding}"
        yield replace(packed, name=f"{name}, cut", body=packed.body[:-9])
        yield replace(packed, name=f"{name}, empty", body=b"")
        # What the gateway cannot measure the size of, it refuses.
        refused = replace(packed, ours=Ours(400, "malformed_request"))
        yield replace(refused, name=f"{name}, not compressed", body=plain.body)
        yield replace(refused, name=f"{name}, rest behind it", body=packed.body + b"rest")
        yield replace(refused, name=f"{name}, twice", body=packed.body * 2)
    raw = zlib.compressobj(wbits=-15)
    body = raw.compress(plain.body) + raw.flush()
    refused = replace(plain.compressed("deflate"), ours=Ours(400, "malformed_request"))
    yield replace(refused, name="coding: deflate without zlib", body=body)
    yield plain.with_fields("identity", Content_Encoding="identity")
    yield plain.with_fields("empty coding", Content_Encoding="")
    shouted = (("Content-Encoding", "GZIP"),)
    yield replace(plain.compressed("gzip"), name="coding: GZIP", fields=shouted)
    for coding in ("br", "zstd", "gzip, gzip"):
        unsupported = replace(plain, ours=Ours(415, "unsupported_coding"))
        yield unsupported.with_fields(coding, Content_Encoding=coding)
