"""How many requests may be sent a second time: few, so that a Triton in need is not buried."""

from collections.abc import Callable

WINDOW_S = 10
# Of the requests of the window, and so many more each second, for gateways with little to do.
SHARE = 0.1
FREE_PER_S = 10
# Of that, what may go to make slow requests faster; the rest is left to those that failed.
HEDGING_SHARE = 0.5


class RetryBudget:
    """Counts requests and repeats of the last ten seconds; `sent` is the caller's to count up."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        # Of the second under way.
        self.sent = 0
        self._second = int(now_s())
        # Of the seconds before: which, requests, repeats.
        self._past: list[tuple[int, int, int]] = []
        self._repeated = 0

    def take(self, share: float = 1.0) -> bool:
        """Whether one more may be repeated, of this share of the budget; it is counted as such."""
        self.pass_time()
        sent = self.sent + sum(sent for _, sent, _ in self._past)
        repeated = self._repeated + sum(repeated for _, _, repeated in self._past)
        if repeated + 1 > share * (SHARE * sent + FREE_PER_S * WINDOW_S):
            return False
        self._repeated += 1
        return True

    def pass_time(self) -> None:
        """Begin a new second if it is time; called once a second at least."""
        second = int(self._now_s())
        if second == self._second:
            return
        self._past.append((self._second, self.sent, self._repeated))
        self._past = [past for past in self._past if past[0] > second - WINDOW_S]
        self._second = second
        self.sent = self._repeated = 0
