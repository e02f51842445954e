"""Slots that are free at one holder while others may have none."""

from gateway.quotas.holding import Holding

# Not used for so long: a client that goes on sending would have sent.
_IDLE_NS = 20_000_000


class IdleSlots:
    """Which leases have some, since requests ended."""

    def __init__(self) -> None:
        self._leases: dict[Holding, None] = {}

    def note(self, holding: Holding) -> None:
        """A request is over that had a slot of it."""
        if holding.may_go:
            self._leases[holding] = None

    def let_go(self, now_ns: int) -> list[Holding]:
        """The leases whose slots are not used: they go back with the next Ask."""
        self._leases = {one: None for one in self._leases if one.may_go}
        idle = [one for one in self._leases if now_ns - one.spent_ns >= _IDLE_NS]
        for holding in idle:
            del self._leases[holding]
            holding.let_go()
        return idle
