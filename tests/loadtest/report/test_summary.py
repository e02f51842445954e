"""The summary for a pull request."""

from loadtest.report.summary import summary
from tests.loadtest.some_steps import a_run, a_step, a_window, all_of, closed


def test_a_step_is_a_line_of_a_table() -> None:
    text = summary(a_run(a_step()))
    assert (
        "| 100/s | 100/s | 100 | 4.97 | 4.97 | 4.97 | \N{EN DASH} "
        "| 1,000 | 0 | 0 | 0 | 1.0 | unknown |"
    ) in text.splitlines()


def test_columns_that_only_some_runs_need_are_there_for_them() -> None:
    windows = [a_window(n, missed=5, first_event=all_of(1.0, 100)) for n in range(10)]
    heading = summary(a_run(a_step(windows=windows))).splitlines()[2]
    assert "| first p50 | first p99 | samples | errors | never sent |" in heading
    assert "never sent" not in summary(a_run(closed(a_step())))


def test_every_line_of_the_table_has_as_many_cells() -> None:
    lines = [line for line in summary(a_run(a_step(), a_step())).splitlines() if line[:1] == "|"]
    assert len(lines) == 4
    assert len({line.count("|") for line in lines}) == 1


def test_an_invalid_run_begins_with_a_warning() -> None:
    lines = summary(a_run(a_step(), invalid=["steady state never came"])).splitlines()
    assert lines[2:5] == [
        "> [!WARNING]",
        "> **Invalid: these figures must not be used.**",
        "> - steady state never came",
    ]


def test_the_answer_and_where_it_comes_from_are_told() -> None:
    text = summary(a_run(answer={"highest_rate": 850.0}))
    assert "- highest rate: **850**" in text
    assert "commit 0123abc; Triton 2.51.0; models digits `8c0ffee123456789`; 2 cores" in text


def test_a_label_cannot_break_the_table() -> None:
    text = summary(a_run(a_step(label="a|b\n`c`")))
    assert "| a\\|b \\`c\\` | 100/s |" in text


def test_a_note_on_every_step_is_said_once() -> None:
    text = summary(a_run(a_step(notes=["no Triton"]), a_step(label="b", notes=["no Triton", "x"])))
    assert text.endswith("- no Triton\n- b: x\n")


def test_each_step_of_a_search_tells_what_it_says_of_the_objective() -> None:
    missed = a_step(objective="missed (p99): p99 34 ms, over 20 ms")
    lines = summary(a_run(a_step(objective="held"), missed, plan="slo")).splitlines()
    table = [line for line in lines if line[:1] == "|"]
    assert [line.split(" | ")[-1] for line in table] == [
        "objective |",
        "--- |",
        "held |",
        "missed (p99): p99 34 ms, over 20 ms |",
    ]
    assert len({line.count("|") for line in table}) == 1
