"""Axes: from values to places, with ticks at round numbers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

# Past this ratio of largest to smallest, small values would lie on the axis.
LOGARITHMIC_FROM = 20.0


@dataclass(frozen=True)
class Scale:
    """Places values of [low, high] between two ends, in pixels."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        """The place of a value; one beyond the ends lies at the end."""
        value = min(max(value, self.low), self.high)
        if self.logarithmic:
            part = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            part = (value - self.low) / (self.high - self.low)
        return self.start + part * (self.end - self.start)

    @property
    def ticks(self) -> list[float]:
        """Round values within, both ends included where they are round."""
        if not self.logarithmic:
            step = _round_step(self.high - self.low)
            first = math.ceil(self.low / step - 1e-9)
            return [n * step for n in range(first, math.floor(self.high / step + 1e-9) + 1)]
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        few = (1, 2, 5) if self.high / self.low < 2000 else (1,)
        ticks = [factor * 10.0**decade for decade in decades for factor in few]
        return [tick for tick in ticks if self.low * 0.999 <= tick <= self.high * 1.001]


def from_zero(values: Sequence[float], start: float, end: float) -> Scale:
    """A linear scale from 0 to a round number above all values."""
    high = max(values, default=0.0) or 1.0
    step = _round_step(high)
    return Scale(0.0, math.ceil(high / step - 1e-9) * step, start, end)


def for_latencies(values: Sequence[float], start: float, end: float) -> Scale:
    """Linear from 0; logarithmic where the values are far apart."""
    positive = [value for value in values if value > 0]
    if not positive or max(positive) < min(positive) * LOGARITHMIC_FROM:
        return from_zero(positive, start, end)
    return Scale(_below(min(positive)), _above(max(positive)), start, end, logarithmic=True)


def tick_text(value: float) -> str:
    """`0.5`, `20`, `1,500`."""
    return f"{value:,.0f}" if value >= 10 else f"{value:g}"


def _round_step(span: float) -> float:
    """1, 2 or 5 times a power of ten, so that four to nine steps make up the span."""
    power = 10.0 ** math.floor(math.log10(span / 4))
    return power * max(factor for factor in (1, 2, 5) if factor * power <= span / 4 * 1.0001)


def _below(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return power * max(factor for factor in (1, 2, 5) if factor * power <= value * 1.0001)


def _above(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return power * min(factor for factor in (1, 2, 5, 10) if factor * power >= value * 0.9999)
