"""The sender of requests over HTTP, with the connection and the clock of a test."""

from typing import Any

import pytest

from loadtest.transports.answers import TIMED_OUT, Answer
from loadtest.transports.http import HttpRequest, HttpSender

REQUEST = HttpRequest("digits batch 1", b"", b"")


class FakeConnection:
    """Answers when the clock says so, and never lets the timer of the sender fire."""

    reusable = True

    def __init__(self, clock: "FakeClock", takes_s: float) -> None:
        self._clock = clock
        self._takes_s = takes_s

    def exchange(self, request: HttpRequest) -> None:
        self._clock.now_s += self._takes_s

    def answer(self) -> Answer:
        return Answer(size_bytes=2)

    def is_idle(self) -> bool:
        return True


class FakeClock:
    now_s = 10.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.mark.parametrize(("takes_s", "told"), [(0.0005, Answer(size_bytes=2)), (0.002, TIMED_OUT)])
def test_an_answer_after_its_time_is_a_failure_though_no_timer_fired(
    monkeypatch: pytest.MonkeyPatch, takes_s: float, told: Answer
) -> None:
    clock = FakeClock()
    connection: Any = FakeConnection(clock, takes_s)
    sender = HttpSender("http://127.0.0.1:1", timeout_s=0.001)
    monkeypatch.setattr("loadtest.transports.http.time", clock)
    monkeypatch.setattr(sender, "_connection", lambda: connection)
    assert sender.send(REQUEST) == told
