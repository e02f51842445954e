"""A run on a terminal."""

import io

from rich.console import Console

from loadtest.report.terminal import print_run
from loadtest.results import Bottleneck, Load, Loop, Run
from tests.loadtest.some_steps import a_run, a_step, a_window, all_of, closed


def shown(run: Run) -> str:
    console = Console(file=io.StringIO(), width=140)
    print_run(run, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_steps_are_shown_with_what_stopped_them() -> None:
    first, second = shown(a_run(a_step(bottleneck=Bottleneck.QUEUE))).splitlines()
    assert first.split()[:4] == ["STEP", "LOAD", "ANSWERS/S", "P50"]
    assert second.split() == [
        *("100/s", "100/s", "100", "4.97", "4.97", "\N{EN DASH}"),
        *("1,000", "0", "0", "0", "1.0", "queue"),
    ]


def test_an_arrival_that_was_never_sent_is_no_error() -> None:
    windows = [a_window(n, planned=125, missed=25) for n in range(10)]
    heading, line = shown(a_run(a_step(windows=windows))).splitlines()
    assert heading.split()[-6:-2] == ["NEVER", "SENT", "429", "BATCH"]
    assert line.split()[-6:] == ["1,000", "0", "250", "0", "1.0", "unknown"]


def test_a_closed_loop_has_no_arrivals_to_be_sent() -> None:
    assert "NEVER SENT" not in shown(a_run(closed(a_step())))


def test_where_triton_was_not_read_no_batch_is_told() -> None:
    assert shown(a_run(a_step(models={}))).splitlines()[1].split()[-2] == "\N{EN DASH}"


def test_of_a_stream_the_time_to_the_first_event_is_told() -> None:
    windows = [a_window(n, first_event=all_of(1.0, 100)) for n in range(10)]
    heading, line = shown(a_run(a_step(windows=windows))).splitlines()
    assert "FIRST P50  FIRST P99  SAMPLES" in heading
    assert line.split()[6:9] == ["1.00", "1.00", "1,000"]


def test_the_load_of_arrivals_without_one_rate_is_their_mean() -> None:
    load = Load(loop=Loop.OPEN, rate=200, arrivals="ramp:0", duration_s=10, warmup_s=2)
    assert "mean 100/s" in shown(a_run(a_step(load=load)))


def test_an_invalid_step_tells_why() -> None:
    text = shown(a_run(a_step(invalid=["Triton was restarted"])))
    assert "invalid" in text.splitlines()[1]
    assert "100/s: Triton was restarted" in text


def test_each_step_of_a_search_tells_what_it_says_of_the_objective() -> None:
    lines = shown(
        a_run(
            a_step(objective="held"), a_step(objective="not judged: no steady state: x"), plan="slo"
        )
    ).splitlines()
    assert lines[0].split()[-1] == "OBJECTIVE"
    assert lines[1].split()[-1] == "held"
    assert lines[2].rstrip().endswith(" not judged")


def test_an_invalid_run_says_so() -> None:
    assert "Invalid: these figures must not be used." in shown(a_run(invalid=["too short"]))


def test_the_answer_stands_at_the_end() -> None:
    assert shown(a_run(answer={"highest_rate": 850.0})).splitlines()[-1] == "highest rate: 850"


def test_square_brackets_are_text() -> None:
    assert "[red]a" in shown(a_run(a_step(label="[red]a")))
