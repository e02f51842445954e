"""Which values may be tried: the ladders that the search climbs, one for each value."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

from stack.errors import UsageError
from stack.tuning.values import Values

MAX_QUEUE_DELAY_US = 5_000
_DELAYS_US = (0, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000)
_DURATION = re.compile(r"(\d+)(us|ms)")
# The delay first, which tends to matter most.
_ORDER = ("queue_delay_us", "instances", "threads", "preferred_batch", "max_batch")
# Up to here every number is tried, beyond it powers of two.
_EVERY = 8


class Range(NamedTuple):
    """Least and greatest, both included."""

    low: int
    high: int


@dataclass(frozen=True)
class Bounds:
    """What the person allows. The shipped value may stay even where it lies outside."""

    instances: Range
    queue_delay_us: Range
    max_batch: Range
    threads: Range


@dataclass(frozen=True)
class Space:
    """The ladder of each value that is tuned, in the order in which they are tried."""

    ladders: dict[str, tuple[int, ...]]
    cores: int
    """Only to know an automatic thread count from the same count written out."""

    def neighbours(self, values: Values, name: str, *, up: bool) -> Iterator[Values]:
        """The next rung in this direction, then the last one: a flat stretch may lie between."""
        ladder, at = self.ladders[name], self._position(values, name)
        rungs = [rung for rung in ladder if rung > at] if up else _below(ladder, at)
        for rung in dict.fromkeys((*rungs[:1], *rungs[-1:])):
            change: dict[str, Any] = {name: rung}
            changed = replace(values, **change)
            if _is_sound(changed):
                yield changed

    def key(self, values: Values) -> tuple[object, ...]:
        """The same for values that come to the same."""
        threads = self._position(values, "threads")
        return tuple(asdict(replace(values, threads=threads)).values())

    def _position(self, values: Values, name: str) -> int:
        if name == "threads":
            return values.threads or max(1, self.cores // values.instances)
        position: int | None = getattr(values, name)
        # No batching is below every delay.
        return -1 if position is None else position

    @property
    def size(self) -> int:
        """How many combinations there are."""
        product = 1
        for ladder in self.ladders.values():
            product *= len(ladder)
        return product


def space(shipped: Values, bounds: Bounds, *, cores: int, tunable: Sequence[str]) -> Space:
    """The ladders within the bounds for those values that this model's configuration has."""
    largest = max(bounds.max_batch.high, shipped.max_batch)
    rungs: dict[str, Sequence[int]] = {
        "queue_delay_us": [us for us in _DELAYS_US if _within(us, bounds.queue_delay_us)]
        or [bounds.queue_delay_us.low],
        "instances": _counts(bounds.instances),
        "threads": _counts(bounds.threads),
        "preferred_batch": [0, *_powers(Range(2, largest - 1))],
        "max_batch": [*_powers(bounds.max_batch), bounds.max_batch.high],
    }
    found = Space(
        {name: tuple(sorted(set(rungs[name]))) for name in _ORDER if name in tunable}, cores
    )
    there = {name: found._position(shipped, name) for name in found.ladders}
    ladders = {n: ladder for n, ladder in found.ladders.items() if set(ladder) - {there[n]}}
    return Space(ladders, cores)


def parse_range(text: str, flag: str, *, least: int = 1) -> Range:
    """`1:4`, or `4` for that value alone; UsageError otherwise."""
    return _range(text, flag, least, _count, "1:4, or 4 for that value alone")


def parse_delay_range(text: str, flag: str) -> Range:
    """`0us:5ms` in microseconds, or `500us` for that value alone; UsageError otherwise."""
    return _range(text, flag, 0, _microseconds, "0us:5ms, or 500us for that value alone")


def _range(
    text: str, flag: str, least: int, read: Callable[[str], int | None], example: str
) -> Range:
    parts = text.split(":")
    numbers = [number for part in parts if (number := read(part.strip())) is not None]
    if len(numbers) != len(parts) or len(parts) > 2:
        raise UsageError(f"{flag} is '{text}'; write it as {example}.")
    low, high = numbers[0], numbers[-1]
    if low > high or low < least:
        raise UsageError(
            f"{flag} is '{text}'; the first may not be below {least} nor above the second."
        )
    return Range(low, high)


def _count(text: str) -> int | None:
    return int(text) if text.isdecimal() else None


def _microseconds(text: str) -> int | None:
    found = _DURATION.fullmatch(text)
    return int(found[1]) * (1000 if found[2] == "ms" else 1) if found else None


def _counts(bounds: Range) -> list[int]:
    every = range(bounds.low, min(bounds.high, _EVERY) + 1)
    return sorted({*every, *(n for n in _powers(bounds) if n > _EVERY), bounds.high})


def _powers(bounds: Range) -> list[int]:
    return [1 << n for n in range(bounds.high.bit_length()) if _within(1 << n, bounds)]


def _within(number: int, bounds: Range) -> bool:
    return bounds.low <= number <= bounds.high


def _below(ladder: Sequence[int], at: int) -> list[int]:
    return [rung for rung in reversed(ladder) if rung < at]


def _is_sound(values: Values) -> bool:
    if values.queue_delay_us is None:
        return values.preferred_batch == 0
    return values.preferred_batch < max(values.max_batch, 1)
