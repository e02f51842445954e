"""Starts the generator in processes of its own and gives them their steps.

    with Generators(traffic) as generators:
        windows = generators.run(Load(loop=Loop.OPEN, rate=200, duration_s=10))

A load test that sends from its own process would see its own work in the latencies.
"""

import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from types import TracebackType
from typing import IO, Self

import msgspec

from loadtest.errors import MeasuringError
from loadtest.merging import merge_windows
from loadtest.protocol import Said, Start, Started, StepDone, StepOrder, WindowLine
from loadtest.results import Load, Window
from loadtest.traffic import Traffic

OnWindow = Callable[[Window], None]

_NEEDED = ("gevent", "numpy")
# Until every process has read its order; then all begin at the same moment.
_HEAD_START_S = 0.1
_START_TIMEOUT_S = 120
_END_TIMEOUT_S = 5
# Past the longest that a step may last and a request may take.
_SPARE_S = 30


class Generators:
    """Generator processes that share each load; a context manager."""

    def __init__(self, traffic: Traffic, *, processes: int = 1) -> None:
        self._traffic = traffic
        self._count = processes
        self._running: list[_Generator] = []
        self._said: queue.SimpleQueue[tuple[int, Said | None]] = queue.SimpleQueue()

    def __enter__(self) -> Self:
        """Start them. Raises MeasuringError with what one of them said."""
        if missing := [name for name in _NEEDED if find_spec(name) is None]:
            raise MeasuringError(
                f"Load tests need {', '.join(missing)}, which this environment does not have. "
                "Install it: pip install 'conch[loadtest]'."
            )
        try:
            for index in range(self._count):
                self._running.append(_Generator(index, self._traffic, self._said))
            for _ in self._running:
                index, said = self._hear(_START_TIMEOUT_S)
                if not isinstance(said, Started) or said.error:
                    self._fail(index, said)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def run(self, load: Load, on_window: OnWindow | None = None) -> list[Window]:
        """Hold a load. Returns its windows, and calls `on_window` with each as it ends.

        Windows from the end of the step on (`at_s` >= warm-up + duration) hold the answers to
        what was still in flight then: their latencies count, their number is no throughput.
        Raises MeasuringError when a process ends or the load cannot be made.
        """
        start_at = time.monotonic() + _HEAD_START_S
        for generator in self._running:
            generator.order(StepOrder(load, (generator.index, self._count), start_at))
        patience_s = load.warmup_s + load.duration_s + self._traffic.timeout_s + _SPARE_S
        collected = _Collected(self._count)
        while not collected.done:
            index, said = self._hear(patience_s)
            if isinstance(said, WindowLine):
                collected.add(index, said.window)
            elif isinstance(said, StepDone) and not said.error:
                collected.end(index)
            else:
                self._fail(index, said)
            for window in collected.complete():
                if on_window is not None:
                    on_window(window)
        return collected.merged

    def _hear(self, patience_s: float) -> tuple[int, Said | None]:
        try:
            return self._said.get(timeout=patience_s)
        except queue.Empty:
            raise MeasuringError(
                f"The load generator has said nothing for {patience_s:g} s. Is this machine "
                "overloaded? Ask for less, or for fewer processes."
            ) from None

    def _fail(self, index: int, said: Said | None) -> None:
        if isinstance(said, (Started, StepDone)):
            raise MeasuringError(said.error)
        raise MeasuringError(f"The load generator has ended: {self._running[index].last_words()}")

    def _stop(self) -> None:
        for generator in self._running:
            generator.stop()
        self._running.clear()


class _Collected:
    """Puts the windows of the same second together."""

    def __init__(self, processes: int) -> None:
        self.merged: list[Window] = []
        self._windows: list[list[Window]] = [[] for _ in range(processes)]
        self._ended: set[int] = set()

    @property
    def done(self) -> bool:
        return len(self._ended) == len(self._windows)

    def add(self, index: int, window: Window) -> None:
        self._windows[index].append(window)

    def end(self, index: int) -> None:
        self._ended.add(index)

    def complete(self) -> list[Window]:
        """Those that every process has told, or will not tell any more."""
        new = []
        while any(self._windows) and all(
            windows or index in self._ended for index, windows in enumerate(self._windows)
        ):
            new.append(merge_windows([windows.pop(0) for windows in self._windows if windows]))
        self.merged += new
        return new


class _Generator:
    """One process; a thread of this one reads what it says."""

    def __init__(
        self, index: int, traffic: Traffic, said: "queue.SimpleQueue[tuple[int, Said | None]]"
    ) -> None:
        self.index = index
        self._said = said
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed in stop()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "loadtest.generator"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            # Ctrl-C is for the one who asked for the load, who ends the generator in turn.
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._send(msgspec.json.encode(Start(traffic, index)))

    def order(self, order: StepOrder) -> None:
        self._send(msgspec.json.encode(order))

    def last_words(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"exit status {self._process.poll()}, without a word."

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        stdin = self._pipe(self._process.stdin)
        with suppress(BrokenPipeError):
            stdin.close()
        self._process.terminate()
        try:
            self._process.wait(_END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        self._pipe(self._process.stdout).close()
        self._errors.close()

    def _send(self, line: bytes) -> None:
        stdin = self._pipe(self._process.stdin)
        # Of one that has ended, the reader tells.
        with suppress(BrokenPipeError):
            stdin.write(line + b"\n")
            stdin.flush()

    def _read(self) -> None:
        for line in self._pipe(self._process.stdout):
            # What an interpreter prints before the generator runs is none of its lines.
            with suppress(msgspec.DecodeError):
                self._said.put((self.index, msgspec.json.decode(line, type=Said)))
        self._process.wait()
        self._said.put((self.index, None))

    @staticmethod
    def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
        assert pipe is not None, "it was asked for"
        return pipe
