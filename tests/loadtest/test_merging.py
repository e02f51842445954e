"""Windows of two processes are as one window of one process that saw everything."""

from typing import Any

import msgspec

from loadtest.merging import merge_windows
from loadtest.results import Load, Loop, Window
from loadtest.transports.answers import LIMITED, Answer
from loadtest.window_recorder import WindowRecorder

LOAD = Load(loop=Loop.OPEN, rate=1, duration_s=1)
ANSWERS = [Answer(), Answer(LIMITED), Answer("503"), Answer("timeout"), Answer("503"), Answer()]


def seen(answers: list[Answer], clock: list[float], monkeypatch: Any) -> Window:
    windows: list[Window] = []
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    recorder = WindowRecorder(LOAD, windows.append)
    for number, answer in enumerate(answers):
        recorder.planned()
        recorder.sent()
        recorder.ended(answer, sent_at=clock[0] - 0.01, planned_at=clock[0] - 0.02 - number / 1e3)
    recorder.missed()
    recorder.close_window()
    return windows[0]


def test_processor_time_is_that_of_the_busiest_and_of_all(monkeypatch: Any) -> None:
    one = seen(ANSWERS, [100.0], monkeypatch)
    busy, idle = (
        msgspec.structs.replace(one, generator_cpu=cpu, generator_cores=cpu) for cpu in (0.75, 0.5)
    )
    both = merge_windows([busy, idle])
    assert (both.generator_cpu, both.generator_cores) == (0.75, 1.25)


def test_the_windows_of_two_are_the_window_of_one(monkeypatch: Any) -> None:
    clock = [100.0]
    two = merge_windows([seen(ANSWERS, clock, monkeypatch), seen(ANSWERS, clock, monkeypatch)])
    assert two.planned == two.sent == 12
    assert (two.answered, two.limited, two.missed) == (4, 2, 2)
    assert two.errors == {"503": 4, "timeout": 2}
    assert sum(two.corrected.counts.values()) == sum(two.service.counts.values()) == 4
    assert two.corrected.max_us > two.service.max_us
