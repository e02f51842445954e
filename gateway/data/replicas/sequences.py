"""Sequences: requests that belong together by a number, and so to one Triton.

The number stands in the request, so it is known without asking what kind of model it is for; an
ensemble with such a model in it does not tell.
"""

import re
import zlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

# Sequences that are remembered, and how long after their last request.
MAX_PINNED = 100_000
IDLE_S = 600.0
_INFLATED_BYTES = 64 * 1024
_GZIP_OR_ZLIB = 47

_NAME = b'"sequence_id"'
_ID = re.compile(rb'"sequence_id"\s*+:\s*+(?:([0-9]{1,20})|"((?:[^"\\]|\\.){1,512})")')
_START = re.compile(rb'"sequence_start"\s*+:\s*+true')
_END = re.compile(rb'"sequence_end"\s*+:\s*+true')
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sequence:
    """What a request says of the sequence that it belongs to."""

    id: str
    starts: bool
    ends: bool


def find_sequence(body: bytes, json_bytes: int | None, coding: bytes) -> Sequence | None:
    """The sequence that a request belongs to, by what of its body is there; None: to none.

    `json_bytes` is the size of the JSON that stands before tensors, None: all of it is JSON.
    """
    if coding:
        body = _inflated(body)
    end = len(body) if json_bytes is None else json_bytes
    if body.find(_NAME, 0, end) < 0:
        return None
    found = _ID.search(body, 0, end)
    # Triton's word for no sequence is 0.
    if found is None or (found[1] is not None and not int(found[1])):
        return None
    return Sequence(
        (found[1] or found[2]).decode("latin-1"),
        starts=_START.search(body, 0, end) is not None,
        ends=_END.search(body, 0, end) is not None,
    )


def _inflated(body: bytes) -> bytes:
    try:
        return zlib.decompressobj(_GZIP_OR_ZLIB).decompress(body, _INFLATED_BYTES)
    except zlib.error:
        # Triton is to say so.
        return b""


class Pins(Generic[T]):
    """Which Triton each sequence is at."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._pinned: OrderedDict[str, tuple[T, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._pinned)

    def get(self, key: str) -> T | None:
        pinned = self._pinned.get(key)
        return None if pinned is None else pinned[0]

    def put(self, key: str, where: T) -> None:
        now_s = self._now_s()
        self._pinned[key] = (where, now_s)
        self._pinned.move_to_end(key)
        while len(self._pinned) > MAX_PINNED or self._oldest_s < now_s - IDLE_S:
            self._pinned.popitem(last=False)

    def drop(self, key: str) -> None:
        self._pinned.pop(key, None)

    @property
    def _oldest_s(self) -> float:
        return next(iter(self._pinned.values()))[1]

    def forget(self, where: T) -> None:
        """What is pinned there is lost."""
        self._pinned = OrderedDict(item for item in self._pinned.items() if item[1][0] != where)
