"""Which model argument or result a configured tensor name means: NVIDIA's naming rules."""

import re
from collections.abc import Sequence

from stack.backends.config import BackendError

_ORDINAL = re.compile(r".*__(\d+)")


def positions(names: Sequence[str], *, known: Sequence[str], count: int | None = None) -> list[int]:
    """Position of each configured name among the model's own.

    All names known to the model: by name. All of the form `X__N`: by N. Otherwise by order, as
    NVIDIA's backends do when any name breaks the convention.

    >>> positions(["mask", "ids"], known=["ids", "mask"])
    [1, 0]
    >>> positions(["INPUT__1", "INPUT__0"], known=["ids", "mask"])
    [1, 0]
    >>> positions(["a", "b"], known=["ids", "mask"])
    [0, 1]
    """
    places = _by_name(names, known) or _by_ordinal(names) or list(range(len(names)))
    most = len(known) if count is None else count
    if most and max(places) >= most:
        raise BackendError(
            f"the configuration names {len(names)} tensors ({', '.join(names)}) up to position "
            f"{max(places)}, and the model has {most}; correct the names in config.pbtxt."
        )
    return places


def _by_name(names: Sequence[str], known: Sequence[str]) -> list[int] | None:
    if not set(names) <= set(known):
        return None
    return [known.index(name) for name in names]


def _by_ordinal(names: Sequence[str]) -> list[int] | None:
    matches = [_ORDINAL.fullmatch(name) for name in names]
    places = [int(match[1]) for match in matches if match]
    if len(places) < len(names) or len(set(places)) < len(places):
        return None
    return places
