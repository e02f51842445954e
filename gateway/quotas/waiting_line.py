"""Requests of one tenant that wait for the store, in the order they came."""

from collections.abc import Callable, Collection, Iterator

from gateway.quotas.decisions import Refusal, Reservation, Waiting
from gateway.quotas.holding import Holding
from gateway.quotas.protocol import Kind

Outcome = Reservation | Refusal
# Decides at this time on a request that may not draw on these holdings; None: it waits on.
Try = Callable[[Waiting, Collection[Holding], int], Outcome | None]


class WaitingLine:
    """Nobody overtakes who waits for the same limit; other limits stay open meanwhile."""

    def __init__(self) -> None:
        # Who waits has too few units in these.
        self.blocked: set[Holding] = set()
        # Its holder is at it right now; and there is reason to try all again.
        self.is_served = False
        self.is_stirred = False
        # Of each lease, how many wait for a slot that may come free.
        self.hopes: dict[Holding, int] = {}
        self._waiting: list[Waiting] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[Waiting]:
        return iter(self._waiting)

    def join(self, waiting: Waiting, now_ns: int) -> None:
        """Wait at the end of the line."""
        self._waiting.append(waiting)
        self._block(waiting, now_ns)

    def serve(self, attempt: Try, now_ns: int) -> list[tuple[Waiting, Outcome]]:
        """Try all in order; returns those that were decided, whom nobody has told yet."""
        before, self.blocked = self.blocked, set()
        self.hopes = {}
        line, self._waiting = self._waiting, []
        decided = []
        for holding in before:
            holding.let_pass()
        for waiting in line:
            if waiting.is_over:
                continue
            outcome = attempt(waiting, self.blocked, now_ns)
            if outcome is None:
                self.join(waiting, now_ns)
            else:
                waiting.is_over = True
                decided.append((waiting, outcome))
        return decided

    def _block(self, waiting: Waiting, now_ns: int) -> None:
        for holding, cost in waiting.takes():
            if holding.is_short(cost, now_ns):
                self.blocked.add(holding)
                holding.hold_up()
                if holding.kind is Kind.CONCURRENCY and now_ns < waiting.slot_until_ns:
                    self.hopes[holding] = self.hopes.get(holding, 0) + 1
