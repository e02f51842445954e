"""Requests with something wrong: what Triton says of them passes through as it is."""

import json
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tests.gateway.differential.bodies import (
    Document,
    Inference,
    Tensor,
    digits,
    echo,
    infer_case,
    pair,
    words,
)
from tests.gateway.differential.case import Case, Ours

_ECHO = "/v2/models/echo/infer"


def fault_cases() -> Iterator[Case]:
    yield from _changed_inputs()
    yield from _outputs()
    yield from _parameters()
    yield from _lengths()
    yield from _broken_json()
    yield from _codings()
    yield from _other_models()
    yield from _fields()


def _changed_inputs() -> Iterator[Case]:
    changes: dict[str, Document] = {
        "unknown name": {"name": "Z"},
        "empty name": {"name": ""},
        "name is a number": {"name": 4},
        "name is null": {"name": None},
        "shape too small": {"shape": [1, 3]},
        "shape too large": {"shape": [1, 5]},
        "shape of zero": {"shape": [0, 4]},
        "negative shape": {"shape": [-1, 4]},
        "rank too small": {"shape": [4]},
        "rank too large": {"shape": [1, 1, 4]},
        "empty shape": {"shape": []},
        "shape is a number": {"shape": 4},
        "shape of texts": {"shape": ["1", "4"]},
        "shape of fractions": {"shape": [1.0, 4.0]},
        "batch too large": {"shape": [9, 4], "data": [0] * 36},
        "two rows declared, one sent": {"shape": [2, 4]},
        "wrong datatype": {"datatype": "INT32"},
        "unknown datatype": {"datatype": "FLOAT"},
        "datatype in small letters": {"datatype": "fp32"},
        "datatype is null": {"datatype": None},
        "too few values": {"data": [1, 2, 3]},
        "too many values": {"data": [1, 2, 3, 4, 5]},
        "no values": {"data": []},
        "nested values": {"data": [[1, 2, 3, 4]]},
        "nested otherwise": {"data": [[1, 2], [3, 4]]},
        "texts as values": {"data": ["1", "2", "3", "4"]},
        "truths as values": {"data": [True, False, True, False]},
        "null among values": {"data": [1, None, 3, 4]},
        "data is a number": {"data": 1},
        "data is null": {"data": None},
        "large values": {"data": [1e38, -1e38, 1e300, -1e300]},
        "whole values": {"data": [2**31, 2**53, 2**63, 2**64]},
        "parameters are a list": {"parameters": []},
        "binary size beside data": {"parameters": {"binary_data_size": 16}},
        "unknown parameter": {"parameters": {"unknown": 1}},
        "unknown member": {"unknown": {"a": [1]}},
    }
    for name, change in changes.items():
        document = echo().document()
        document["inputs"][0] |= change
        yield infer_case(f"input: {name}", _ECHO, document)
    for member in ("name", "shape", "datatype", "data"):
        document = echo().document()
        del document["inputs"][0][member]
        yield infer_case(f"input: no {member}", _ECHO, document)
    for name, inputs in {
        "none": [],
        "null": None,
        "a number": 4,
        "an object": {"X": 1},
        "numbers": [1],
        "twice the same": echo().document()["inputs"] * 2,
    }.items():
        yield infer_case(f"inputs: {name}", _ECHO, {"inputs": inputs})
    yield infer_case("inputs: missing", _ECHO, {"outputs": [{"name": "Y"}]})
    for one in ("A", "B"):
        only = [tensor for tensor in pair().inputs if tensor.name == one]
        yield Inference("pair", only).case(f"inputs: only {one} of two")


def _outputs() -> Iterator[Case]:
    for name, outputs in {
        "one of two": [{"name": "SUM"}],
        "both, turned round": [{"name": "DIFFERENCE"}, {"name": "SUM"}],
        "one twice": [{"name": "SUM"}, {"name": "SUM"}],
        "unknown": [{"name": "PRODUCT"}],
        "one unknown": [{"name": "SUM"}, {"name": "PRODUCT"}],
        "none": [],
        "null": None,
        "without name": [{}],
        "a text": "SUM",
        "one binary": [
            {"name": "SUM", "parameters": {"binary_data": True}},
            {"name": "DIFFERENCE"},
        ],
        "binary as text": [{"name": "SUM", "parameters": {"binary_data": "true"}}],
        "classes without labels": [{"name": "SUM", "parameters": {"classification": 2}}],
    }.items():
        yield infer_case(
            f"outputs: {name}",
            "/v2/models/pair/infer",
            {
                **pair(2).document(),
                "outputs": outputs,
            },
        )
    for count in (1, 3, 5, 6, 0, -1, "2", 2.5, None):
        outputs = [{"name": "SCORES", "parameters": {"classification": count}}]
        yield digits(outputs=outputs).case(f"classification: {count!r}")
    both = {"classification": 2, "binary_data": True}
    yield digits(outputs=[{"name": "SCORES", "parameters": both}]).case("classification, binary")


def _parameters() -> Iterator[Case]:
    values: dict[str, Any] = {
        "priority": 1,
        "timeout": 1_000_000,
        "sequence_id": 5,
        "sequence_start": True,
        "binary_data_output": True,
        "unknown": "text",
        "triton_enable_empty_final_response": True,
    }
    for name, value in values.items():
        for given in (value, "word", -1, None, [1]):
            parameters = {name: given}
            yield echo(parameters=parameters).case(f"parameter {name}: {given!r}")
    for given in ("abc", "", "é", "x" * 1000, 7, None, "a\nb"):
        yield echo(id=given).case(f"id: {str(given)[:20]!r} {type(given).__name__}")
    for name, value in (("model_name", "pair"), ("model_version", "9"), ("parameters", 4)):
        yield echo(**{name: value}).case(f"member {name}: {value!r}")


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


def _other_models() -> Iterator[Case]:
    for model, version in (
        ("unknown", ""),
        ("unknown", "1"),
        ("echo", "2"),
        ("echo", "1"),
        ("pair", "1"),
        ("pair", "2"),
        ("pair", "3"),
        ("echo", "9" * 18),
    ):
        form = echo() if model != "pair" else pair()
        yield replace(form, model=model, version=version).case(f"infer on {model} {version}")
    yield replace(echo(), model="broken").case("a model that raises")
    yield replace(echo(binary=True), model="broken").case("a model that raises, binary")
    yield replace(words("a"), model="story").case("infer on a decoupled model")
    for delay_ms in (0, 30):
        waits = Tensor("DELAY_MS", "FP32", [1], [delay_ms])
        yield Inference("slow", [waits]).case(f"slow by {delay_ms} ms")
    inputs = [replace(echo().inputs[0], name="FIRST")]
    yield Inference("chain", inputs).case("an ensemble")
    yield words("a", "b", "c").case("three texts")
    yield words(*["x"] * 8).case("the largest batch")
    yield words(*["x"] * 9).case("one more than the largest batch")


def _fields() -> Iterator[Case]:
    """Fields of a request that Triton may look at."""
    case = echo().case("field")
    for content_type in ("application/json", "text/plain", "application/octet-stream", "x"):
        yield case.with_fields(content_type, Content_Type=content_type)
    for accept in ("*/*", "application/json", "text/html"):
        yield case.with_fields(f"accepts {accept}", Accept=accept)
    for form in ("text", "json", "nope"):
        yield case.with_fields(f"load metrics as {form}", Endpoint_Load_Metrics_Format=form)
    yield case.with_fields("user agent", User_Agent="curl/8")
    yield case.with_fields("cookie", Cookie="a=b")
    yield replace(case, name="field: a query", path=_ECHO + "?a=b")
