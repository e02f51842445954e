"""Which lengths of the dynamic axes a model is compiled with, and which it is proved at."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from math import prod

from exporters.spec import ANY, Axis, ModelSpec, TensorSpec

# Length of every axis in one item, by the axis's name.
Lengths = Mapping[str, int]

# Compilers take a dimension of 1 for a constant, so an example never has a batch of one.
EXAMPLE_BATCH = 2
# What attention at the largest declared length costs grows with its square: past these bounds
# only a sample that is that long makes the proof go there.
ALWAYS_AFFORDABLE = 1024
AFFORDABLE_GROWTH = 16
AFFORDABLE_VALUES = 2**20
FURTHER_LENGTHS = 3
# What folds, pads or halves goes by remainders: lengths in a row have all of those by 2, 4 and 8.
LENGTHS_IN_A_ROW = 8


def shape_at(tensor: TensorSpec, lengths: Lengths) -> tuple[int, ...]:
    """The shape of one item; -1 where `lengths` does not say."""
    return tuple(
        lengths.get(size.name, ANY) if isinstance(size, Axis) else size for size in tensor.shape
    )


def example_lengths(spec: ModelSpec, seen: Sequence[Lengths]) -> Lengths:
    """The samples' lengths if no compiler can take one of them for another dimension."""
    fixed = {size for tensor in spec.inputs for size in tensor.shape if isinstance(size, int)}
    fixed |= {1, EXAMPLE_BATCH} if spec.batches else {1}
    for lengths in seen:
        found = list(lengths.values())
        if len(set(found)) == len(found) and fixed.isdisjoint(found):
            return lengths
    chosen: dict[str, int] = {}
    for axis in spec.axes:
        taken = fixed | set(chosen.values())
        chosen[axis.name] = _nearest_free(axis, seen[0][axis.name], taken)
    return chosen


def further_lengths(spec: ModelSpec, axis: Axis, seen: Sequence[Lengths]) -> tuple[int, ...]:
    """Lengths that no sample has: the bounds of the axis first, as far as they are affordable."""
    longest = longest_proved(spec, axis, seen)
    middle = (axis.min + longest) // 2
    wanted = (axis.min, longest, middle, axis.min + 1, longest - 1, middle + 1)
    used = {lengths[axis.name] for lengths in seen}
    free = [length for length in dict.fromkeys(wanted) if axis.min <= length <= longest]
    return tuple(length for length in free if length not in used)[:FURTHER_LENGTHS]


def lengths_in_a_row(spec: ModelSpec, axis: Axis, seen: Sequence[Lengths]) -> tuple[int, ...]:
    """The shortest lengths of the axis, as far as nothing else has it at them."""
    used = {lengths[axis.name] for lengths in seen} | set(further_lengths(spec, axis, seen))
    last = min(axis.min + LENGTHS_IN_A_ROW - 1, longest_proved(spec, axis, seen))
    return tuple(length for length in range(axis.min, last + 1) if length not in used)


def equal_lengths(spec: ModelSpec, seen: Sequence[Lengths]) -> Iterator[Lengths]:
    """All axes at one length, if one is in the bounds of all: a square may go another way."""
    if len(spec.axes) < 2:
        return
    least = max(axis.min for axis in spec.axes)
    most = min(longest_proved(spec, axis, seen) for axis in spec.axes)
    if least <= most:
        length = min(max(min(seen[0].values()), least), most)
        yield {axis.name: length for axis in spec.axes}


def longest_proved(spec: ModelSpec, axis: Axis, seen: Sequence[Lengths]) -> int:
    """The axis's own maximum, unless a run of that length would cost too much."""

    def values(length: int) -> int:
        lengths = {**seen[0], axis.name: length}
        return sum(prod(shape_at(tensor, lengths)) for tensor in spec.inputs)

    longest_seen = max(lengths[axis.name] for lengths in seen)
    affordable = max(ALWAYS_AFFORDABLE, AFFORDABLE_GROWTH * longest_seen)
    candidates = range(axis.min, min(axis.max, affordable) + 1)
    fitting = bisect_right(candidates, AFFORDABLE_VALUES, key=values)
    return max(longest_seen, candidates[max(fitting - 1, 0)])


def _nearest_free(axis: Axis, wanted: int, taken: set[int]) -> int:
    reach = len(taken) + 1
    near = range(max(axis.min, wanted - reach), min(axis.max, wanted + reach) + 1)
    free = [length for length in near if length not in taken]
    return min(free, key=lambda length: abs(length - wanted), default=wanted)
