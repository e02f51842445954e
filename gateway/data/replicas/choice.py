"""Which of several: two are drawn, and the one with less in flight is taken.

What is drawn from is made ready whenever something changes, and the loads stand in one list, so a
request looks at as much among sixty-four as among two.
"""

from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import Protocol, TypeVar

# How often one that has its whole share stands in a list with one that has not.
SLOTS = 10


class Named(Protocol):
    """What a number is assigned to."""

    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=Named)
T = TypeVar("T")


def slots_of(shares: Iterable[tuple[T, float]]) -> list[T]:
    """What to draw from: each as often as its share of the usual traffic says.

    >>> slots_of([("a", 1.0), ("b", 1.0)]), len(slots_of([("a", 1.0), ("b", 0.1)]))
    (['a', 'b'], 11)
    """
    given = list(shares)
    if all(share >= 1.0 for _, share in given):
        return [what for what, _ in given]
    return [what for what, share in given for _ in range(max(1, round(SLOTS * share)))]


def pick(slots: list[int], loads: list[int], draw: Callable[[], float]) -> int:
    """One of these places in `loads`; `draw` gives numbers from 0 up to 1."""
    count = len(slots)
    if count == 1:
        return slots[0]
    # Of all pairs.
    pair = int(draw() * (count * (count - 1)))
    first, second = pair // (count - 1), pair % (count - 1)
    if second >= first:
        second += 1
    one, other = slots[first], slots[second]
    return one if loads[one] <= loads[other] else other


def assign(key: str, candidates: Iterable[N]) -> N:
    """The same one for the same key wherever it is asked, and most keys keep theirs when one comes
    or goes (rendezvous hashing)."""
    return max(candidates, key=lambda candidate: _rank(key, candidate.name))


def _rank(key: str, name: str) -> bytes:
    return blake2b(f"{name} {key}".encode(), digest_size=8).digest()
