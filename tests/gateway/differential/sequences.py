"""Requests that belong together: their order is part of them."""

from collections.abc import Iterator
from typing import Any

from tests.gateway.differential.bodies import Inference, Tensor
from tests.gateway.differential.case import Case


def sequence_cases() -> Iterator[Case]:
    yield _step("first", 7, sequence_id=7, sequence_start=True)
    yield _step("second", 5, sequence_id=7)
    yield _step("another begins", 1, sequence_id=8, sequence_start=True)
    yield _step("third", -2, sequence_id=7)
    yield _step("last", 10, sequence_id=7, sequence_end=True)
    yield _step("after its end", 1, sequence_id=7)
    yield _step("the other ends", 1, sequence_id=8, sequence_end=True)
    yield _step("one step", 3, sequence_id=9, sequence_start=True, sequence_end=True)
    yield _step("no id", 3)
    yield _step("never begun", 3, sequence_id=99)
    yield _step("id of zero", 3, sequence_id=0, sequence_start=True)
    yield _step("negative id", 3, sequence_id=-1, sequence_start=True)
    yield _step("text as id", 3, sequence_id="seven", sequence_start=True, sequence_end=True)
    yield _step("wrong start", 3, sequence_id=11, sequence_start="yes")


def _step(name: str, value: int, **parameters: Any) -> Case:
    tensor = Tensor("VALUE", "INT32", [1, 1], [value])
    return Inference("counter", [tensor], {"parameters": parameters}).case(f"sequence: {name}")
