"""Runs one step in this process: one load, seen in windows of a second."""

import math
import time
from collections.abc import Callable

import gevent

from loadtest.arrivals import arrivals
from loadtest.dispatcher import dispatch
from loadtest.results import Load, Loop
from loadtest.transports.answers import Answer
from loadtest.users import use
from loadtest.window_recorder import OnWindow, WindowRecorder

WHOLE = (0, 1)


def run_step(
    load: Load,
    send: Callable[[], Answer],
    on_window: OnWindow,
    *,
    seed: int = 0,
    share: tuple[int, int] = WHOLE,
    start_at: float | None = None,
) -> None:
    """Hold the load, or this process's share of it, and wait until every request has ended.

    What ends after the step is told in further windows, in which nothing is planned or sent.
    """
    send = _counted(send)
    start_at = time.monotonic() if start_at is None else start_at
    planned = arrivals(load, seed=seed, share=share) if load.loop is Loop.OPEN else None
    gevent.sleep(max(0.0, start_at - time.monotonic()))
    recorder = WindowRecorder(load, on_window)
    end_at = start_at + load.warmup_s + load.duration_s
    ticking = gevent.spawn(_tick, recorder, start_at, end_at)
    if planned is None:
        use(send, recorder, users=part(load.users, share), end_at=end_at)
    else:
        in_flight = max(1, part(load.max_in_flight, share))
        dispatch(planned, send, recorder, start_at=start_at, max_in_flight=in_flight)
    ticking.get()
    _drain(recorder)


def _counted(send: Callable[[], Answer]) -> Callable[[], Answer]:
    """The same, which never raises: a request that is not told of would be in flight for ever."""

    def counted() -> Answer:
        try:
            return send()
        except Exception as error:
            return Answer(f"generator: {type(error).__name__}")

    return counted


def part(whole: int, share: tuple[int, int]) -> int:
    """A process's part of a number; the parts of all add up to it."""
    index, of = share
    return whole // of + (index < whole % of)


def _tick(recorder: WindowRecorder, start_at: float, end_at: float) -> None:
    for number in range(1, math.ceil(end_at - start_at) + 1):
        gevent.sleep(max(0.0, min(start_at + number, end_at) - time.monotonic()))
        recorder.close_window()


def _drain(recorder: WindowRecorder) -> None:
    while recorder.left_over:
        closes_at = time.monotonic() + 1.0
        while recorder.in_flight and time.monotonic() < closes_at:
            gevent.sleep(0.01)
        recorder.close_window()
