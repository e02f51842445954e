"""NVIDIA's rules for what a configured tensor name means."""

import pytest

from stack.backends.config import BackendError
from stack.backends.naming import positions


@pytest.mark.parametrize(
    ("names", "known", "expected"),
    [
        (["mask", "ids"], ["ids", "mask"], [1, 0]),
        (["ids"], ["ids", "mask"], [0]),
        (["INPUT__1", "INPUT__0"], ["ids", "mask"], [1, 0]),
        # One name breaks the convention, so the order counts for all.
        (["mask", "other"], ["ids", "mask"], [0, 1]),
        (["INPUT__1", "other"], ["ids", "mask"], [0, 1]),
        (["X__0", "X__0"], ["ids", "mask"], [0, 1]),
        (["KWARGS[scale]", "ARGS[0]"], ["ARGS[0]", "KWARGS[scale]"], [1, 0]),
    ],
)
def test_names_then_ordinals_then_order(
    names: list[str], known: list[str], expected: list[int]
) -> None:
    assert positions(names, known=known) == expected


@pytest.mark.parametrize("names", [["a", "b", "c"], ["OUTPUT__2"]])
def test_more_names_than_the_model_has_are_refused(names: list[str]) -> None:
    with pytest.raises(BackendError, match="the model has 2"):
        positions(names, known=["x", "y"])
