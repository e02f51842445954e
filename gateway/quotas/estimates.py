"""What a request to a model will take that is only known when it is over: a running mean."""

MAX_MODELS = 10_000
# How much the newest request says.
_WEIGHT = 0.1


class Estimates:
    """Of each model the time in Triton and the size of an answer, as they were of late."""

    def __init__(self) -> None:
        self._means: dict[str, tuple[float, float]] = {}

    def compute_ms(self, model: str) -> int:
        """Milliseconds to reserve; of a model that was never called, one."""
        mean_ms, _ = self._means.get(model, (0.0, 0.0))
        return int(mean_ms) + 1

    def answer_bytes(self, model: str) -> int:
        """Size of an answer to reserve; of a model that was never called, none."""
        _, mean_bytes = self._means.get(model, (0.0, 0.0))
        return int(mean_bytes)

    def observe(self, model: str, compute_ms: float, answer_bytes: int) -> None:
        """A request is over, which Triton has answered."""
        known = self._means.pop(model, None)
        if known is None:
            fresh = (float(compute_ms), float(answer_bytes))
        else:
            mean_ms, mean_bytes = known
            fresh = (
                mean_ms + _WEIGHT * (compute_ms - mean_ms),
                mean_bytes + _WEIGHT * (answer_bytes - mean_bytes),
            )
        # The latest is last: who was not called for longest is forgotten first.
        self._means[model] = fresh
        if len(self._means) > MAX_MODELS:
            del self._means[next(iter(self._means))]
