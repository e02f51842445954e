"""Seeded random changes of sound requests: what nobody thought of."""

import copy
import random
from collections.abc import Iterator
from typing import Any

from tests.gateway.differential.bodies import Inference, digits, echo, infer_case, pair, words
from tests.gateway.differential.case import Case

COUNT = 150
_SEED = 2011
# No large numbers: a shape of them costs memory before anything is checked.
_VALUES: tuple[Any, ...] = (None, True, 0, 1, -1, 3, 2.5, "", "X", "FP32", "INT32", [], [1], {})


def mutation_cases() -> Iterator[Case]:
    chosen = random.Random(_SEED)
    sound = (
        echo(2),
        pair(binary=True),
        words("a", "b"),
        digits(outputs=[{"name": "SCORES", "parameters": {"classification": 2}}]),
        echo(binary=True, id="7", outputs=[{"name": "Y", "parameters": {"binary_data": True}}]),
    )
    seen: set[str] = set()
    while len(seen) < COUNT:
        form = chosen.choice(sound)
        document, what = _mutate(form, chosen)
        if what not in seen:
            seen.add(what)
            yield infer_case(f"mutated {form.model}: {what}", form.path, document, form.tail())


def _mutate(form: Inference, chosen: random.Random) -> tuple[dict[str, Any], str]:
    document = copy.deepcopy(form.document())
    place = chosen.choice(list(_places(document)))
    parent, key = _parent(document, place), place[-1]
    shown = f"{form.model} {'.'.join(map(str, place))}"
    if chosen.random() < 0.2:
        del parent[key]
        return document, f"{shown} removed"
    parent[key] = chosen.choice(_VALUES)
    return document, f"{shown} = {parent[key]!r}"


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, inner in items:
        yield from _places(inner, (*path, key))


def _parent(document: Any, place: tuple[Any, ...]) -> Any:
    for key in place[:-1]:
        document = document[key]
    return document
