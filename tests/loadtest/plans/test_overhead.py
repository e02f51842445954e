import random

from loadtest.plans.overhead import OverheadOptions, overhead
from loadtest.results import Load, Step
from tests.loadtest.queue_model import QueueModel

OPTIONS = OverheadOptions(rate=50, rounds=4, duration_s=5)


class Noisy:
    def __init__(self, service_s: float, order: list[str]) -> None:
        rng = random.Random(service_s)
        self.order = order
        self.model = QueueModel(capacity=1, service_s=lambda at_s: rng.gauss(service_s, 0.0002))

    def measure(self, label: str, load: Load) -> Step:
        self.order.append(label)
        return self.model.measure(label, load)


def test_the_difference_is_told_with_its_interval() -> None:
    order: list[str] = []
    outcome = overhead(Noisy(0.0035, order).measure, Noisy(0.003, order).measure, OPTIONS)
    assert outcome.invalid == []
    for figure in ("mean", "p50"):
        added = float(outcome.answer[f"added_{figure}_ms"])
        low = float(outcome.answer[f"added_{figure}_low_ms"])
        high = float(outcome.answer[f"added_{figure}_high_ms"])
        assert 0.4 < added < 0.6
        assert 0.4 < low <= added <= high < 0.6


def test_the_turns_alternate() -> None:
    order: list[str] = []
    overhead(Noisy(0.003, order).measure, Noisy(0.003, order).measure, OPTIONS)
    assert order == [
        "gateway 1", "direct 1", "direct 2", "gateway 2",
        "gateway 3", "direct 3", "direct 4", "gateway 4",
    ]  # fmt: skip


def test_failures_make_it_invalid() -> None:
    broken = QueueModel(capacity=1000, errors=lambda at_s: at_s < 3)
    outcome = overhead(broken.measure, QueueModel(capacity=1000).measure, OPTIONS)
    assert outcome.invalid == ["gateway 1: 50 times status 500"]


def test_a_side_that_does_not_answer_has_no_figures() -> None:
    dead = QueueModel(capacity=1000, errors=lambda at_s: True)
    outcome = overhead(dead.measure, QueueModel(capacity=1000).measure, OPTIONS)
    assert outcome.answer == {} and outcome.invalid
