"""Counts what happens in each second of a step, in one process."""

import time
from collections import Counter
from collections.abc import Callable

from loadtest.histogram import LatencyHistogram
from loadtest.results import Load, Window
from loadtest.transports.answers import LIMITED, Answer

OnWindow = Callable[[Window], None]


class WindowRecorder:
    """The window that is open, and how many requests are in flight."""

    def __init__(self, load: Load, on_window: OnWindow) -> None:
        self._warmup_s = load.warmup_s
        self._on_window = on_window
        self._at_s = 0
        self.in_flight = 0
        self.left_over = 0  # in flight at the end of the last window: not told yet
        self._cpu_s = time.process_time()
        self._opened_at = time.monotonic()
        self._open()

    def planned(self) -> None:
        """An arrival of an open loop is due."""
        self._planned += 1

    def missed(self) -> None:
        """It is not sent, since too many are in flight."""
        self._missed += 1

    def sent(self) -> None:
        """A request goes out."""
        self._sent += 1
        self.in_flight += 1

    def ended(self, answer: Answer, *, sent_at: float, planned_at: float | None = None) -> None:
        """Its answer is here, or it has failed."""
        now = time.monotonic()
        self.in_flight -= 1
        if answer.failure:
            self._fail(answer.failure)
            return
        self._answered += 1
        self._service.record((now - sent_at) * 1e6)
        if planned_at is not None:
            self._corrected.record((now - planned_at) * 1e6)
        if answer.first_event_at:
            self._first_event.record((answer.first_event_at - sent_at) * 1e6)

    def close_window(self) -> None:
        """A second is over: tell what was in it, and begin the next."""
        cpu_s, now = time.process_time(), time.monotonic()
        used_cores = (cpu_s - self._cpu_s) / max(now - self._opened_at, 1e-6)
        window = Window(
            at_s=self._at_s,
            warmup=self._at_s < self._warmup_s,
            planned=self._planned,
            sent=self._sent,
            missed=self._missed,
            answered=self._answered,
            limited=self._limited,
            errors=dict(self._errors),
            service=self._service.frozen(),
            corrected=self._corrected.frozen(),
            first_event=self._first_event.frozen(),
            in_flight=self.in_flight,
            generator_cpu=used_cores,
            generator_cores=used_cores,
        )
        self._at_s += 1
        self.left_over = self.in_flight
        self._cpu_s, self._opened_at = cpu_s, now
        self._open()
        self._on_window(window)

    def _open(self) -> None:
        self._planned = self._sent = self._missed = self._answered = self._limited = 0
        self._errors: Counter[str] = Counter()
        self._service = LatencyHistogram()
        self._corrected = LatencyHistogram()
        self._first_event = LatencyHistogram()

    def _fail(self, failure: str) -> None:
        if failure == LIMITED:
            self._limited += 1
        else:
            self._errors[failure] += 1
