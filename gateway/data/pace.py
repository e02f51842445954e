"""How fast a body must come: some of it now and then, and a fair rate on the whole."""

from gateway.errors import RequestTimeout

# On average, once `progress_s` is over.
MIN_BYTES_PER_S = 4 * 1024


class Pace:
    """The time that the client of one body has left. All moments are the gate's ticks."""

    __slots__ = ("_began_s", "_progress_s")

    def __init__(self, tick_s: float, progress_s: float) -> None:
        self._began_s = tick_s
        self._progress_s = progress_s

    def excuse(self, seconds: float) -> None:
        """For so long it was Triton who took nothing, not the client who sent nothing."""
        self._began_s += seconds

    def left_s(self, tick_s: float, received_bytes: int) -> float:
        """How long the next piece of the body may take."""
        earned_s = self._progress_s + received_bytes / MIN_BYTES_PER_S
        return min(self._progress_s, earned_s - (tick_s - self._began_s))

    def error(self, received_bytes: int) -> RequestTimeout:
        """What answers a body that was too slow."""
        return RequestTimeout(
            f"The body came too slowly: nothing for {self._progress_s:g} s, or under "
            f"{MIN_BYTES_PER_S} bytes a second; {received_bytes} bytes have come."
        )
