"""Measures two models turn by turn, so that a machine whose speed drifts favours neither."""

from dataclasses import dataclass

from loadtest.results import Load, Loop
from stack.errors import TuningError
from stack.tuning.objective import Objective
from stack.tuning.readings import Figures, Measure, Reading, figures_of


@dataclass(frozen=True)
class Turn:
    """Two models at every load, one right after the other."""

    shipped: Reading
    other: Reading

    @property
    def failed(self) -> int:
        """Requests to the other model that were not answered well."""
        return sum(figures.failed for figures in self.other.values())


class Turns:
    """Takes turns between what is shipped and something else; who is first changes each time."""

    def __init__(
        self, measure: Measure, objective: Objective, *, seconds: float, warmup_s: float
    ) -> None:
        self._measure = measure
        self._objective = objective
        self._seconds = seconds
        self._warmup_s = warmup_s
        self._other_first = False

    def take(self, shipped: str, other: str) -> Turn:
        """Measure both at every load that can tell something; TuningError if the shipped fails."""
        readings: dict[str, dict[int, Figures]] = {"shipped": {}, "other": {}}
        order = [("shipped", shipped), ("other", other)]
        for users in self._objective.users:
            for role, name in order[::-1] if self._other_first else order:
                readings[role][users] = self._figures(name, users)
            self._other_first = not self._other_first
            if readings["shipped"][users].failed:
                raise TuningError(
                    f"As it is shipped, {readings['shipped'][users].failed} requests of {users} "
                    "users failed, so there is nothing to compare with. Give inputs that the model "
                    "takes by --samples, or fewer --users."
                )
            if readings["other"][users].failed or all(
                map(self._objective.is_enough, readings.values())
            ):
                break
        return Turn(readings["shipped"], readings["other"])

    def _figures(self, name: str, users: int) -> Figures:
        load = Load(
            loop=Loop.CLOSED, users=users, duration_s=self._seconds, warmup_s=self._warmup_s
        )
        return figures_of(self._measure(name, load))
