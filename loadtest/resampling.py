"""Intervals by the bootstrap: what a figure might have been, had other seconds been drawn.

Windows are drawn with replacement, in blocks of neighbours where there are many, for seconds that
follow one another are alike.
"""

import random
from collections.abc import Callable, Sequence

from loadtest.results import Window

RESAMPLES = 400
_CONFIDENCE = 0.95
_MOST_BLOCKS = 30

Blocks = list[Sequence[Window]]


def blocks(windows: Sequence[Window]) -> Blocks:
    """Neighbouring windows in at most 30 blocks of one length; the last may be shorter."""
    length = -(-len(windows) // _MOST_BLOCKS) or 1
    return [windows[at : at + length] for at in range(0, len(windows), length)]


def drawn(rng: random.Random, among: Blocks) -> list[Window]:
    """As many blocks as there are, drawn with replacement, as windows."""
    return [window for block in rng.choices(among, k=len(among)) for window in block]


def interval(draw: Callable[[random.Random], float], *, seed: int = 0) -> tuple[float, float]:
    """The middle 95 % of what `draw` gives, drawn again and again."""
    rng = random.Random(seed)
    values = sorted(draw(rng) for _ in range(RESAMPLES))
    outside = round(RESAMPLES * (1 - _CONFIDENCE) / 2)
    return values[outside], values[-1 - outside]
