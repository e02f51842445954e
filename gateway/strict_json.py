"""JSON that can be read in one way only; for what decides who may do what."""

import json
from typing import NoReturn


def parse_strict(text: str) -> object:
    """The value of a JSON text; ValueError also for a member given twice, NaN and endless nesting.

    >>> parse_strict('{"sub": "a", "sub": "b"}')
    Traceback (most recent call last):
    ValueError: the member 'sub' is given twice
    """
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members: dict[str, object] = {}
    for name, value in pairs:
        # Readers differ on which of the two counts; a token could mean two things.
        if name in members:
            raise ValueError(f"the member {name!r} is given twice")
        members[name] = value
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
