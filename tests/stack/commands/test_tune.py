"""What `conch tune` asks two models before it trusts one of them."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stack.commands import tune
from stack.tuning.trial_server import SHIPPED
from stack.tuning.values import Values


@pytest.mark.parametrize(
    ("shipped", "trial", "asked"),
    [(8, 8, [1, 3, 8]), (8, 16, [1, 3, 8]), (8, 2, [1, 2]), (0, 0, [0])],
)
def test_answers_are_compared_at_batches_that_both_models_take(
    monkeypatch: Any, shipped: int, trial: int, asked: list[int]
) -> None:
    server: Any = SimpleNamespace(
        url="http://127.0.0.1:1",
        shipped=Values(1, None, shipped, 0, 0),
        config=lambda name: {"max_batch_size": trial},
    )
    bodies: Any = SimpleNamespace(of=lambda size: [size])
    sent: list[Any] = []

    def check(url: str, before: str, after: str, batches: list[int], tolerances: object) -> float:
        assert (before, after) == (SHIPPED, "trial_1")
        sent.extend(batches)
        return 0.0

    monkeypatch.setattr(tune, "check_answers", check)
    tune._check(server, "trial_1", bodies, Path("nowhere"))
    assert sent == asked
