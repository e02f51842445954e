"""The bench: holds a load with the generator, looks at the servers meanwhile, and judges the step.

    with Bench(traffic, targets) as bench:
        step = bench.measure("100/s", Load(loop=Loop.OPEN, rate=100, duration_s=10, warmup_s=2))

`Bench.measure` is what plans take as their `measure`.
"""

from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Self

import msgspec

from loadtest.generator_process import Generators
from loadtest.judging import judged_step
from loadtest.observing import Observer, Targets, Watch
from loadtest.results import Load, Step, Window
from loadtest.traffic import Traffic

OnWindow = Callable[[str, Load, Window], None]


class Bench:
    """One traffic against one target; a context manager that ends its generator processes."""

    def __init__(
        self,
        traffic: Traffic,
        targets: Targets,
        *,
        processes: int = 1,
        max_in_flight: int | None = None,
        limits_expected: bool = False,
        on_window: OnWindow | None = None,
    ) -> None:
        """`max_in_flight` replaces that of the loads; None leaves theirs."""
        self._traffic = traffic
        self._targets = targets
        self._processes = processes
        self._max_in_flight = max_in_flight
        self._limits_expected = limits_expected
        self._on_window = on_window
        self._opened = ExitStack()
        self._generators: Generators
        self._observer: Observer

    def __enter__(self) -> Self:
        """Start the generator. Raises LoadTestError where the target cannot be measured."""
        with ExitStack() as opening:
            self._observer = opening.enter_context(Observer(self._targets))
            self._generators = opening.enter_context(
                Generators(self._traffic, processes=self._processes)
            )
            self._opened = opening.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._opened.close()

    def measure(self, label: str, load: Load) -> Step:
        """Hold a load and tell what came of it."""
        if self._max_in_flight is not None:
            load = msgspec.structs.replace(load, max_in_flight=self._max_in_flight)
        watch = Watch(self._observer, load)

        def on_window(window: Window) -> None:
            watch.on_window(window)
            if self._on_window is not None:
                self._on_window(label, load, window)

        windows = self._generators.run(load, on_window)
        return judged_step(
            label, load, windows, watch.observed(), limits_expected=self._limits_expected
        )
