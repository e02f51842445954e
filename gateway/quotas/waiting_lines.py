"""The lines of all tenants, and who is tried again when."""

from collections import Counter
from collections.abc import Iterator

from gateway.quotas.decisions import Allowance, Waiting
from gateway.quotas.waiting_line import Try, WaitingLine

# For slots of a limit no more wait than there are, nor so many; and so many for all limits: all of
# them are tried whenever a slot comes back, and many times a second.
MAX_HOPES = 32
MAX_ALL_HOPES = 256


class WaitingLines:
    """A line a tenant; whoever was decided on is told and counted."""

    def __init__(self, attempt: Try, decided: Counter[str]) -> None:
        self._attempt = attempt
        self._decided = decided
        self._lines: dict[str, WaitingLine] = {}

    def __iter__(self) -> Iterator[Waiting]:
        """All who wait."""
        return (waiting for line in self._lines.values() for waiting in line)

    @property
    def hopes(self) -> int:
        """How many wait for a slot that may come free."""
        return sum(sum(line.hopes.values()) for line in self._lines.values())

    def of(self, allowance: Allowance) -> WaitingLine:
        """The line that requests with this allowance join."""
        return self._lines.setdefault(allowance.holdings[0].limit.tenant, WaitingLine())

    def may_hope(self, allowance: Allowance) -> bool:
        """Whether one more may wait for slots that may come free."""
        slots = allowance.slots
        if not slots or self.hopes >= MAX_ALL_HOPES:
            return False
        hopes = self.of(allowance).hopes
        return all(hopes.get(one, 0) < min(one.capacity, MAX_HOPES) for one in slots)

    def serve_all(self, now_ns: int) -> None:
        """Try everybody."""
        for tenant in list(self._lines):
            self.serve(tenant, now_ns)

    def serve_hopeful(self, now_ns: int) -> None:
        """Try where somebody waits for a slot that may come free."""
        for tenant in [tenant for tenant, line in self._lines.items() if line.hopes]:
            self.serve(tenant, now_ns)

    def serve(self, tenant: str, now_ns: int) -> None:
        """Try everybody of this tenant."""
        line = self._lines.get(tenant)
        if line is None:
            return
        line.is_stirred = True
        if line.is_served:
            # A request that was just told is over at once: go round, not deeper with each.
            return
        line.is_served = True
        try:
            self._serve(line, now_ns)
        finally:
            line.is_served = False
        if not line:
            del self._lines[tenant]

    def _serve(self, line: WaitingLine, now_ns: int) -> None:
        while line.is_stirred:
            line.is_stirred = False
            for waiting, outcome in line.serve(self._attempt, now_ns):
                self._decided[outcome.told_as] += 1
                waiting.on_decided(outcome)
