"""What a holder has leases of, in memory."""

from gateway.limits import Limit
from gateway.quotas.holding import Holding


class HeldInMemory:
    """A Held (held_file.py); `limits` are what a reaper would find."""

    def __init__(self, holder: str = "worker") -> None:
        self.holder = holder
        self.is_closed = False
        self._limits: dict[Holding, Limit] = {}

    @property
    def limits(self) -> list[Limit]:
        return list(self._limits.values())

    def note(self, holding: Holding) -> None:
        self._limits[holding] = holding.limit

    def forget(self, holding: Holding) -> None:
        del self._limits[holding]

    def close(self) -> None:
        self.is_closed = True
