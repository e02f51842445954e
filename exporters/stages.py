"""Times the stages of an export and tells whoever watches."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum


class Stage(StrEnum):
    """Steps of an export, in their order; only `--format auto` races, and it compiles several."""

    CAPTURE = "capture"
    COMPILE = "compile"
    PROVE = "prove"
    RACE = "race"
    DESCRIBE = "describe"
    PUBLISH = "publish"


@dataclass(frozen=True)
class Progress:
    """A stage began (`seconds` is None), or ended after `seconds` with `detail` to show."""

    stage: Stage
    seconds: float | None = None
    detail: str = ""


Report = Callable[[Progress], None]


class StageClock:
    """Reports each stage twice, when it begins and when it ends; a failed stage does not end."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self.seconds: dict[str, float] = {}

    @contextmanager
    def run(self, stage: Stage) -> Iterator[Callable[[str], None]]:
        """Times its block, which may call what it is given with a detail to show."""
        details: list[str] = []
        self._report(Progress(stage))
        started = time.perf_counter()
        yield details.append
        seconds = round(time.perf_counter() - started, 3)
        self.seconds[stage] = round(self.seconds.get(stage, 0.0) + seconds, 3)
        self._report(Progress(stage, seconds, ", ".join(details)))
