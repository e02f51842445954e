"""The open loop: requests go out when they are due, whatever became of the ones before.

Late answers cannot thin out the load, and what a request waited for because others were slow is
part of its latency: it counts from the planned time.
"""

import time
from collections.abc import Callable, Iterator

import gevent

from loadtest.alarm import Alarm
from loadtest.transports.answers import Answer
from loadtest.window_recorder import WindowRecorder

Send = Callable[[], Answer]


def dispatch(
    arrivals: Iterator[float],
    send: Send,
    recorder: WindowRecorder,
    *,
    start_at: float,
    max_in_flight: int,
) -> None:
    """Send at each planned time; returns when the last one is sent, not when it is answered.

    Times are seconds after `start_at`, which is a moment of time.monotonic().
    """
    alarm = Alarm()
    try:
        for after_s in arrivals:
            planned_at = start_at + after_s
            alarm.wait_until(planned_at)
            recorder.planned()
            if recorder.in_flight >= max_in_flight:
                recorder.missed()
                continue
            recorder.sent()
            # Bare greenlets: gevent's own cost twice as much, for joins and links nobody uses.
            gevent.spawn_raw(_one, send, recorder, planned_at)
    finally:
        alarm.close()


def _one(send: Send, recorder: WindowRecorder, planned_at: float) -> None:
    sent_at = time.monotonic()
    recorder.ended(send(), sent_at=sent_at, planned_at=planned_at)
