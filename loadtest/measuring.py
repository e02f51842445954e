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
from loadtest.observing import Look, Observer, Targets
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
        self._open = ExitStack()
        self._generators: Generators
        self._observer: Observer

    def __enter__(self) -> Self:
        """Start the generator. Raises LoadTestError where the target cannot be measured."""
        with ExitStack() as opened:
            self._observer = opened.enter_context(Observer(self._targets))
            self._generators = opened.enter_context(
                Generators(self._traffic, processes=self._processes)
            )
            self._open = opened.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def measure(self, label: str, load: Load) -> Step:
        """Hold a load and tell what came of it."""
        if self._max_in_flight is not None:
            load = msgspec.structs.replace(load, max_in_flight=self._max_in_flight)
        begun = _Begun(self._observer, load)

        def on_window(window: Window) -> None:
            begun.after(window)
            if self._on_window is not None:
                self._on_window(label, load, window)

        windows = self._generators.run(load, on_window)
        observed = self._observer.between(begun.look, self._observer.look())
        return judged_step(
            label, load, windows, observed, limits_expected=self._limits_expected
        )


class _Begun:
    """The look at the servers from which a step counts: when its warm-up has ended."""

    def __init__(self, observer: Observer, load: Load) -> None:
        self._observer = observer
        self._warmup_s = load.warmup_s
        self.look: Look = observer.look()

    def after(self, window: Window) -> None:
        """The last window of the warm-up is over."""
        if window.at_s == self._warmup_s - 1:
            self.look = self._observer.look()
