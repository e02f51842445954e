"""Two models turn by turn."""

from loadtest.results import Load, Step
from stack.tuning.objective import Balanced, Within
from stack.tuning.turns import Turns
from tests.stack.tuning.planted import step


def test_the_models_change_places_within_every_load() -> None:
    asked: list[tuple[str, int]] = []

    def measure(name: str, load: Load) -> Step:
        asked.append((name, load.users))
        assert load.duration_s == 0.2
        return step(name, load, 100)

    Turns(measure, Balanced((1, 8)), seconds=1, warmup_s=0).take("a", "b")
    assert "".join(name for name, users in asked if users == 1) == "abbaabbaab"
    assert "".join(name for name, users in asked if users == 8) == "abbaabbaab"


def test_heavier_loads_are_left_out_once_both_are_past_the_limit() -> None:
    def measure(name: str, load: Load) -> Step:
        return step(name, load, 100)  # 10 ms for each user

    slow = Turns(measure, Within((1, 2, 4, 8), 15), seconds=1, warmup_s=0).take("a", "b")
    assert sorted(slow.other) == [1, 2]


def test_a_model_that_fails_is_not_loaded_any_further() -> None:
    def measure(name: str, load: Load) -> Step:
        return step(name, load, 100, failed=1 if name == "b" else 0)

    turn = Turns(measure, Balanced((1, 8)), seconds=1, warmup_s=0).take("a", "b")
    assert turn.failed == 5
    assert sorted(turn.other) == [1]
