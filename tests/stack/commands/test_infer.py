from rich.console import Console

from stack.client import Guess
from stack.commands.infer import chart


def shown(*scores: float) -> str:
    screen = Console(width=100)
    with screen.capture() as capture:
        screen.print(chart([Guess(str(number), score) for number, score in enumerate(scores)]))
    return capture.get()


def test_probabilities_are_bars_and_percents() -> None:
    assert "99.00%" in shown(0.99, 0.01)
    assert "█" in shown(0.99, 0.01)


def test_logits_are_scores_and_no_bars() -> None:
    assert "█" not in shown(1.8, -0.6)
    assert "score" in shown(1.8, -0.6)
    assert "%" not in shown(1.8, -0.6)
