"""The lines of JSON that pass between a load test and its generator processes.

In: one `Start`, then a `StepOrder` for each step. Out: one `Started`, then for each step a
`WindowLine` a second and a `StepDone`. The end of the input ends the process.
"""

import msgspec

from loadtest.results import Load, Window
from loadtest.traffic import Traffic


class Start(msgspec.Struct, frozen=True):
    """What the generator sends, and which one of how many it is."""

    traffic: Traffic
    index: int = 0


class Started(msgspec.Struct, frozen=True, tag_field="kind", tag="started"):
    """It is ready, or cannot be: then `error` is a sentence for a person."""

    error: str = ""


class StepOrder(msgspec.Struct, frozen=True):
    """Hold this load, or a share `(index, of)` of it, from a moment of time.monotonic() on."""

    load: Load
    share: tuple[int, int]
    start_at: float


class WindowLine(msgspec.Struct, frozen=True, tag_field="kind", tag="window"):
    """A second of a step is over."""

    window: Window


class StepDone(msgspec.Struct, frozen=True, tag_field="kind", tag="done"):
    """Every request of the step has ended; with an `error` the step could not be held."""

    error: str = ""


Said = Started | WindowLine | StepDone
