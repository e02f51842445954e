"""Every datatype, in JSON and in binary, both ways."""

import random
from collections.abc import Iterator
from dataclasses import replace

from tests.gateway.differential.bodies import FORMATS, Inference, Tensor
from tests.gateway.differential.case import Case

_ROWS = (1, 3)
# What every datatype of a kind can hold.
_VALUES = {"B": (False, True), "U": (0, 1, 127), "I": (-128, 0, 127), "F": (-1.5, 0.0, 0.25)}
_TEXTS = ("", "a", "é", "日本", '"\\', "line\nend", "x" * 300)


def type_cases() -> Iterator[Case]:
    chosen = random.Random(4)
    for datatype in (*FORMATS, "BYTES"):
        for rows in _ROWS:
            tensor = _tensor(datatype, rows, chosen)
            yield from _forms(f"{datatype} of {rows} rows", tensor)
    yield from _two_types()


def _tensor(datatype: str, rows: int, chosen: random.Random) -> Tensor:
    name = "STRING" if datatype == "BYTES" else datatype
    possible = _possible(datatype)
    values = [chosen.choice(possible) for _ in range(2 * rows)]
    return Tensor(f"{name}_IN", datatype, [rows, 2], values)


def _possible(datatype: str) -> tuple[object, ...]:
    if datatype == "BYTES":
        return _TEXTS
    # Bits of a brain float: 1.0, -2.0, 0.0.
    return (0x3F80, 0xC000, 0) if datatype == "BF16" else _VALUES[datatype[0]]


def _forms(name: str, tensor: Tensor) -> Iterator[Case]:
    binary = replace(tensor, binary=True)
    answer_binary = {"parameters": {"binary_data_output": True}}
    outputs = {
        "outputs": [
            {
                "name": tensor.name.replace("_IN", "_OUT"),
                "parameters": {"binary_data": True},
            }
        ]
    }
    yield Inference("typed", [tensor]).case(f"{name}, JSON")
    yield Inference("typed", [tensor], answer_binary).case(f"{name}, JSON to binary")
    yield Inference("typed", [binary]).case(f"{name}, binary to JSON")
    yield Inference("typed", [binary], answer_binary).case(f"{name}, binary")
    yield Inference("typed", [binary], outputs).case(f"{name}, binary for one output")


def _two_types() -> Iterator[Case]:
    numbers = Tensor("INT64_IN", "INT64", [1, 2], [-(2**63), 2**63 - 1])
    texts = Tensor("STRING_IN", "BYTES", [1, 2], ["first", "second"])
    for name, inputs in (
        ("JSON and binary", [numbers, replace(texts, binary=True)]),
        ("binary and JSON", [replace(numbers, binary=True), texts]),
        ("binary and binary", [replace(numbers, binary=True), replace(texts, binary=True)]),
    ):
        yield Inference("typed", inputs).case(f"two types, {name}")
