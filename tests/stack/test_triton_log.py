"""Which lines of Triton's log a person sees."""

import pytest

from stack.triton_log import last_problems, problem_in


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('E1122 04:35:42.847583 47 server.cc:241] "out of memory"', "out of memory"),
        ('W1122 04:35:42.847583 47 x.cc:1] "slow disk"', "slow disk"),
        (
            "/b/stub: error while loading shared libraries: libx.so: cannot open",
            "error while loading shared libraries: libx.so: cannot open",
        ),
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
