"""A step in this process."""

import pytest

from loadtest.results import Load, Loop, Window
from loadtest.stepping import run_step
from loadtest.transports.answers import Answer


@pytest.mark.parametrize(
    "load",
    [
        Load(loop=Loop.OPEN, rate=50, duration_s=0.1),
        Load(loop=Loop.CLOSED, users=2, duration_s=0.1),
    ],
    ids=["open", "closed"],
)
def test_what_nobody_foresaw_is_a_failure_and_leaves_nothing_in_flight(load: Load) -> None:
    windows: list[Window] = []

    def send() -> Answer:
        raise RuntimeError

    run_step(load, send, windows.append)
    assert windows[-1].in_flight == 0
    sent = sum(window.sent for window in windows)
    assert sent > 1
    failed = [window.errors for window in windows if window.errors]
    assert sum(one["generator: RuntimeError"] for one in failed) == sent
