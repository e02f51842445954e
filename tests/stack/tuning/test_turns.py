"""Two models turn by turn."""

from loadtest.results import Load, Step
from stack.tuning.objective import Balanced, Within
from stack.tuning.turns import Turns
from tests.stack.tuning.planted import step


def test_who_is_measured_first_changes_with_every_load() -> None:
    asked: list[tuple[str, int]] = []

    def measure(name: str, load: Load) -> Step:
        asked.append((name, load.users))
        return step(name, load, 100)

    turns = Turns(measure, Balanced((1, 8)), seconds=1, warmup_s=0)
    turns.take("a", "b")
    assert asked == [("a", 1), ("b", 1), ("b", 8), ("a", 8)]


def test_heavier_loads_are_left_out_once_both_are_past_the_limit() -> None:
    def measure(name: str, load: Load) -> Step:
        return step(name, load, 100)  # 10 ms for each user

    slow = Turns(measure, Within((1, 2, 4, 8), 15), seconds=1, warmup_s=0).take("a", "b")
    assert sorted(slow.other) == [1, 2]


def test_a_model_that_fails_is_not_loaded_any_further() -> None:
    def measure(name: str, load: Load) -> Step:
        return step(name, load, 100, failed=2 if name == "b" else 0)

    turn = Turns(measure, Balanced((1, 8)), seconds=1, warmup_s=0).take("a", "b")
    assert turn.failed == 2
    assert sorted(turn.other) == [1]
