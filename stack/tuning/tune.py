"""The whole of a tuning: search, the same answers, the final rounds, a verdict. Writes nothing."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol

from stack.errors import NoAnswerError, RefusedError, StackError
from stack.triton_models import plain_reason
from stack.tuning.bounds import Space
from stack.tuning.front import Point, points
from stack.tuning.interval import Interval, interval
from stack.tuning.objective import Objective
from stack.tuning.readings import Figures
from stack.tuning.search import Noise, Outcome, Search
from stack.tuning.trial_server import SHIPPED
from stack.tuning.turns import Turn, Turns
from stack.tuning.values import Values

_NOISE_TURNS = 3
# Few: each has a chance of its own to seem better than it is.
_FINALISTS = 3
# Below it a difference is not worth a version; above it the machine is too busy to tell.
_LEAST_GAIN, _MOST_GAIN = 0.02, 0.15
_LEAST_HARM, _MOST_HARM = 1.1, 2.0


class Server(Protocol):
    """Where trial models run; the shipped one is there from the start."""

    def load(self, name: str, values: Values) -> None: ...

    def unload(self, name: str) -> None: ...


class Report(NamedTuple):
    """One line of progress: what was tried and what came of it."""

    values: Values
    turn: Turn | None
    text: str


@dataclass(frozen=True)
class Effort:
    """How much is measured."""

    tries: int
    rounds: int


@dataclass(frozen=True)
class Verdict:
    """What a tuning came to."""

    shipped: Values
    chosen: Values
    margin: float
    """What two measurements of the same differ by, as a share."""
    gain: Interval | None = None
    """Of the final rounds; None where the search found nothing."""
    rates: Mapping[int, Interval] = field(default_factory=dict)
    """Throughput by users: chosen over shipped in the final rounds."""
    p99: Mapping[int, Interval] = field(default_factory=dict)
    """The same of p99."""
    why_not: str = ""
    """Why the chosen values are not to be written; empty where they are."""
    points: tuple[Point, ...] = ()
    largest_difference: float | None = None

    @property
    def better(self) -> bool:
        return not self.why_not


class Tuner:
    """Tunes one model; `say` gets every turn.

    >>> Tuner(server, turns, objective, say=print).tune(shipped, space, Effort(24, 6), check)
    """

    def __init__(
        self, server: Server, turns: Turns, objective: Objective, *, say: Callable[[Report], None]
    ) -> None:
        self._server = server
        self._turns = turns
        self._objective = objective
        self._say = say
        self._taken: list[tuple[Values, Turn]] = []
        self._loaded = 0

    def tune(
        self, shipped: Values, space: Space, effort: Effort, check: Callable[[str], float]
    ) -> Verdict:
        """`check` raises where a trial model answers otherwise than the shipped one."""
        self._turns.take(SHIPPED, SHIPPED)  # a warm-up, which nobody looks at
        noise = self._noise(shipped)
        search = Search(space, lambda values: self._compare(values, noise), noise, effort.tries)
        chosen = search.climb(shipped)
        share = math.exp(noise.gain) - 1
        if chosen == shipped:
            return Verdict(
                shipped,
                shipped,
                share,
                why_not=f"none of {search.made} trials was better by more than chance",
                points=self._points(),
            )
        verdict = self._judged(Verdict(shipped, chosen, share), effort, check)
        for other in search.runners_up(chosen)[: _FINALISTS - 1]:
            if verdict.better:
                break
            judged = self._judged(Verdict(shipped, other, share), effort, check)
            verdict = judged if judged.better else verdict
        return replace(verdict, points=self._points())

    def _judged(self, verdict: Verdict, effort: Effort, check: Callable[[str], float]) -> Verdict:
        """The final rounds of the chosen values."""
        name = self._load(verdict.chosen)
        with self._until_unloaded(name):
            difference = check(name)
            rounds: list[Turn] = []
            for number in range(1, effort.rounds + 1):
                turn = self._turns.take(SHIPPED, name)
                if turn.failed:
                    # Its other figures are of the good answers alone, and say nothing.
                    failed = f"{turn.failed} requests failed in final round {number}"
                    self._say(Report(verdict.chosen, turn, failed))
                    return replace(verdict, why_not=failed)
                self._note(verdict.chosen, turn, f"final round {number}: x{self._gain(turn):.2f}")
                rounds.append(turn)
        gain = interval([self._gain(turn) for turn in rounds])
        rates = ratios(rounds, lambda figures: figures.per_second)
        p99 = ratios(rounds, lambda figures: figures.p99_ms)
        return replace(
            verdict,
            gain=gain,
            rates=rates,
            p99=p99,
            why_not=self._why_not(gain, rates, p99),
            largest_difference=difference,
        )

    def _noise(self, shipped: Values) -> Noise:
        """The shipped model against itself: what is no more than this apart is the same."""
        gains, harms = [_LEAST_GAIN], [_LEAST_HARM]
        for _ in range(_NOISE_TURNS):
            turn = self._turns.take(SHIPPED, SHIPPED)
            gains.append(abs(math.log(self._gain(turn))))
            harms.append(self._objective.harm(turn.other, turn.shipped))
            harms.append(self._objective.harm(turn.shipped, turn.other))
            self._note(shipped, turn, f"shipped against itself: x{self._gain(turn):.2f}")
        return Noise(min(max(gains), _MOST_GAIN), min(max(harms), _MOST_HARM))

    def _compare(self, values: Values, noise: Noise) -> Outcome:
        try:
            name = self._load(values)
        except (RefusedError, NoAnswerError) as error:
            reason = plain_reason(error.reason) if isinstance(error, RefusedError) else str(error)
            self._say(Report(values, None, f"cannot be loaded: {reason}"))
            return Outcome(0.0, refused=reason)
        with self._until_unloaded(name):
            turn = self._turns.take(SHIPPED, name)
        if turn.failed:
            self._say(Report(values, turn, f"{turn.failed} requests failed"))
            return Outcome(0.0, refused="requests failed")
        outcome = Outcome(self._gain(turn), self._objective.harm(turn.other, turn.shipped))
        worse = (
            "" if outcome.harm <= noise.harm else f", and some load is worse by x{outcome.harm:.2f}"
        )
        self._note(values, turn, f"x{outcome.gain:.2f}{worse}")
        return outcome

    def _load(self, values: Values) -> str:
        # A name of its own each time: Triton still unloads the last one for a while.
        self._loaded += 1
        name = f"trial_{self._loaded}"
        self._server.load(name, values)
        return name

    @contextmanager
    def _until_unloaded(self, name: str) -> Iterator[None]:
        """A server that went away fails twice; what is told is what failed first."""
        try:
            yield
        except BaseException:
            with suppress(StackError, OSError):
                self._server.unload(name)
            raise
        self._server.unload(name)

    def _gain(self, turn: Turn) -> float:
        other = self._objective.worth(turn.other)
        return max(other, 1e-9) / self._objective.worth(turn.shipped)

    def _note(self, values: Values, turn: Turn, text: str) -> None:
        self._taken.append((values, turn))
        self._say(Report(values, turn, text))

    def _why_not(
        self, gain: Interval, rates: Mapping[int, Interval], p99: Mapping[int, Interval]
    ) -> str:
        if gain.low <= 1:
            return f"the final rounds do not tell them from the shipped ones: x{gain}"
        if not self._objective.guards_each_load:
            return ""
        worse = [
            *(f"p99 of {users} users: x{ratio}" for users, ratio in p99.items() if ratio.low > 1),
            *(
                f"throughput of {users} users: x{ratio}"
                for users, ratio in rates.items()
                if ratio.high < 1
            ),
        ]
        return f"some loads would get worse: {'; '.join(worse)}" if worse else ""

    def _points(self) -> tuple[Point, ...]:
        return tuple(points(self._taken))


def ratios(rounds: Sequence[Turn], figure: Callable[[Figures], float]) -> dict[int, Interval]:
    """Chosen over shipped, for each load that every round has measured."""
    common = set.intersection(*(set(turn.other) for turn in rounds))
    return {
        users: interval(
            [figure(turn.other[users]) / figure(turn.shipped[users]) for turn in rounds]
        )
        for users in sorted(common)
    }
