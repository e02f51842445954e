"""Which names of models are counted by: those that Triton has answered for, up to a bound."""

# Of names in the records of usage, where each is paid for; some ten megabytes a worker.
MAX_BILLED = 100_000
# Of requests for no model, and for names that are not known.
UNNAMED = ""


class ModelNames:
    """Takes a name once Triton has answered for it with success: clients may make names up."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._names: set[str] = set()

    def name(self, model: str, *, has_succeeded: bool) -> str:
        """What a request for this model is counted under; whether Triton answered it with 200."""
        if model in self._names:
            return model
        if not model or not has_succeeded or len(self._names) >= self._most:
            return UNNAMED
        self._names.add(model)
        return model
