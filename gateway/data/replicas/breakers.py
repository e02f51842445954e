"""A model that fails on one Triton only: others serve it until one request proves it mended."""

from dataclasses import dataclass

# Answers of status 5xx in a row.
FAILURES_IN_A_ROW = 5
FIRST_OPEN_S = 1.0
LONGEST_OPEN_S = 30.0
# Beyond this many models with failures what was counted is dropped.
MAX_MODELS = 1000


@dataclass(slots=True)
class _Open:
    until_s: float
    times: int


class Breakers:
    """The breakers of one Triton, by model: only those exist of models that have failed."""

    __slots__ = ("_failures", "_open")

    def __init__(self) -> None:
        self._failures: dict[str, int] = {}
        self._open: dict[str, _Open] = {}

    def __bool__(self) -> bool:
        """Whether any model has failed last."""
        return bool(self._failures)

    @property
    def open_models(self) -> int:
        return len(self._open)

    def is_open(self, model: str) -> bool:
        """Whether this model's requests are better sent elsewhere."""
        return model in self._open

    def failed(self, model: str, now_s: float) -> bool:
        """An answer was a 5xx; whether the breaker opened just now."""
        opened = self._open.get(model)
        if opened is not None:
            # Those sent before it opened say nothing new.
            if now_s >= opened.until_s:
                opened.times += 1
                opened.until_s = now_s + min(FIRST_OPEN_S * 2**opened.times, LONGEST_OPEN_S)
            return False
        if len(self._failures) >= MAX_MODELS and model not in self._failures:
            self._failures.clear()
        self._failures[model] = count = self._failures.get(model, 0) + 1
        if count < FAILURES_IN_A_ROW:
            return False
        self._open[model] = _Open(now_s + FIRST_OPEN_S, 0)
        return True

    def succeeded(self, model: str) -> bool:
        """An answer was none; whether the breaker closed just now."""
        self._failures.pop(model, None)
        return self._open.pop(model, None) is not None

    def due(self, now_s: float) -> list[str]:
        """Models of which one request may be tried."""
        return [model for model, opened in self._open.items() if now_s >= opened.until_s]
