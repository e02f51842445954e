"""Measures two models turn by turn, so that a machine whose speed drifts favours neither."""

from dataclasses import dataclass

from loadtest.results import Load, Loop, Step
from stack.errors import TuningError
from stack.tuning.objective import Objective
from stack.tuning.readings import Figures, Measure, Reading, figures_of

# A load is held in so many pieces, between which the models change places: what else the machine
# does comes and goes within a second.
_PIECES = 5


@dataclass(frozen=True)
class Turn:
    """Two models at every load, piece by piece one right after the other."""

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

    def take(self, shipped: str, other: str) -> Turn:
        """Measure both at every load that can tell something; TuningError if the shipped fails."""
        of_shipped: dict[int, Figures] = {}
        of_other: dict[int, Figures] = {}
        enough = self._objective.is_enough
        for users in self._objective.users:
            of_shipped[users], of_other[users] = self._both(shipped, other, users)
            failed = of_shipped[users].failed
            if failed:
                raise TuningError(
                    f"As it is shipped, {failed} requests of {users} users failed, so there is "
                    "nothing to compare with. Give inputs that the model takes by --samples, or "
                    "fewer --users."
                )
            if of_other[users].failed or (enough(of_shipped) and enough(of_other)):
                break
        return Turn(of_shipped, of_other)

    def _both(self, shipped: str, other: str, users: int) -> tuple[Figures, Figures]:
        steps: tuple[list[Step], list[Step]] = ([], [])
        for piece in range(_PIECES):
            # 0 1 1 0 0 1 1 0: a speed that changes steadily changes both alike.
            order = ((0, shipped), (1, other))
            for index, name in order[::-1] if piece % 2 else order:
                load = Load(
                    loop=Loop.CLOSED,
                    users=users,
                    duration_s=self._seconds / _PIECES,
                    warmup_s=0.0 if piece else self._warmup_s,
                )
                steps[index].append(self._measure(name, load))
        return figures_of(steps[0]), figures_of(steps[1])
