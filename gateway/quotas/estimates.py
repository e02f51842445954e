"""What a request to a model will probably take of what only its end shows."""

from typing import NamedTuple

# Of a model that nobody asked yet.
FIRST_COMPUTE_MS = 10
MAX_MODELS = 4096
# A new request counts as one part in so many: models answer alike, and a stray one is forgotten.
_WEIGHT = 8


class Estimate(NamedTuple):
    """Of one request."""

    compute_ms: int
    answer_bytes: int


class Estimates:
    """Running means by model, rounded up; bounded, the one that came first goes."""

    def __init__(self) -> None:
        self._means: dict[str, tuple[float, float]] = {}

    def of(self, model: str) -> Estimate:
        compute_ms, answer_bytes = self._means.get(model, (FIRST_COMPUTE_MS, 0))
        return Estimate(-int(-compute_ms // 1), -int(-answer_bytes // 1))

    def note(self, model: str, compute_ms: int, answer_bytes: int) -> None:
        """A request to the model has taken so much."""
        known = self._means.get(model)
        if known is None:
            if len(self._means) >= MAX_MODELS:
                del self._means[next(iter(self._means))]
            self._means[model] = compute_ms, answer_bytes
            return
        mean_ms, mean_bytes = known
        self._means[model] = (
            mean_ms + (compute_ms - mean_ms) / _WEIGHT,
            mean_bytes + (answer_bytes - mean_bytes) / _WEIGHT,
        )
