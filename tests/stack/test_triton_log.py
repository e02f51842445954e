"""Which lines of Triton's log a person sees."""

import pytest

from stack.triton_log import last_problems, models_without_outcome, problem_in


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('E1122 04:35:42.847583 47 server.cc:241] "out of memory"', "out of memory"),
        ('W1122 04:35:42.847583 47 x.cc:1] "slow disk"', "slow disk"),
        (
            "/b/stub: error while loading shared libraries: libx.so: cannot open",
            "error while loading shared libraries: libx.so: cannot open",
        ),
        ("bash: line 1: /x: No such file", "bash: line 1: /x: No such file"),
        ('I1122 04:35:42.847583 47 server.cc:241] "fine"', None),
        ('E1122 04:35:42.8 47 server.cc:241] "CudaDriverHelper has not been initialized."', None),
        ('W1122 04:35:42.8 47 metrics.cc:798] "DCGM unable to start: x"', None),
        ("Error: Failed to initialize NVML", None),
        ("what a model prints", None),
    ],
)
def test_problem_lines_are_told_from_the_rest(line: str, problem: str | None) -> None:
    assert problem_in(line) == problem


def test_the_last_problems_are_one_sentence() -> None:
    lines = [f'E1122 04:35:42.8 47 x.cc:1] "problem {number}"' for number in range(5)]
    assert last_problems("\n".join(lines), most=2) == "problem 3; problem 4"


def test_models_without_an_outcome_are_what_triton_was_busy_with() -> None:
    log = "".join(
        f'I1122 07:30:09.8 23 model_lifecycle.cc:472] "{text}"\n'
        for text in (
            "loading: fine:1",
            "loading: bad:2",
            "loading: late:1",
            "successfully loaded 'fine'",
            "failed to load 'bad'",
            "Poll failed for model directory 'odd': unexpected platform",
        )
    )
    asked = ["bad", "ensemble_of_late", "fine", "late", "odd"]
    assert models_without_outcome(asked, log) == ["ensemble_of_late", "late"]


def test_a_log_that_ends_before_any_model_accuses_none() -> None:
    assert models_without_outcome(["fine"], 'E1 1 1 x.cc:1] "no licence"') == []
