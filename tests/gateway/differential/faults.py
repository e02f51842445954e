"""Inferences with something wrong in what they say, all of it readable."""

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
from tests.gateway.differential.case import Case

_ECHO = "/v2/models/echo/infer"


def fault_cases() -> Iterator[Case]:
    yield from _changed_inputs()
    yield from _outputs()
    yield from _parameters()
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
