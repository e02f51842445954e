"""The closed loop: each user sends its next request when the last one was answered."""

import time
from collections.abc import Callable

import gevent

from loadtest.transports.answers import LIMITED, Answer
from loadtest.window_recorder import WindowRecorder

# A server that is gone answers at once; without a pause the generator would only spin.
_PAUSE_AFTER_FAILURE_S = 0.05

Send = Callable[[], Answer]


def use(send: Send, recorder: WindowRecorder, *, users: int, end_at: float) -> None:
    """Let this many users send until a moment of time.monotonic(); returns when it has come."""
    for _ in range(users):
        gevent.spawn_raw(_user, send, recorder, end_at)
    gevent.sleep(max(0.0, end_at - time.monotonic()))


def _user(send: Send, recorder: WindowRecorder, end_at: float) -> None:
    while (sent_at := time.monotonic()) < end_at:
        recorder.sent()
        answer = send()
        recorder.ended(answer, sent_at=sent_at)
        if answer.failure and answer.failure != LIMITED:
            gevent.sleep(_PAUSE_AFTER_FAILURE_S)
