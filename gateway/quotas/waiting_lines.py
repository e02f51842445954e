"""The lines of all tenants, and who is tried again when."""

from collections import Counter
from collections.abc import Iterator

from gateway.quotas.decisions import Waiting
from gateway.quotas.waiting_line import Try, WaitingLine


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
    def is_hopeful(self) -> bool:
        """Whether somebody waits for a slot that may come free."""
        return any(line.is_hopeful for line in self._lines.values())

    def of(self, tenant: str) -> WaitingLine:
        """The tenant's line, where it may join."""
        return self._lines.setdefault(tenant, WaitingLine())

    def serve_all(self, now_ns: int) -> None:
        """Try everybody."""
        for tenant in list(self._lines):
            self.serve(tenant, now_ns)

    def serve_hopeful(self, now_ns: int) -> None:
        """Try where somebody waits for a slot that may come free."""
        for tenant in [tenant for tenant, line in self._lines.items() if line.is_hopeful]:
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
