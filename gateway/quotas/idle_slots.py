"""Slots that are free at one holder while others may have none."""

from gateway.quotas.holding import Holding

# Not used for so long: a client that goes on sending would have sent.
_IDLE_NS = 20_000_000


class IdleSlots:
    """Which leases have some, since requests ended."""

    def __init__(self, *, is_alone: bool) -> None:
        """`is_alone`: there are no others."""
        self._is_alone = is_alone
        self._leases: dict[Holding, None] = {}

    def note(self, holding: Holding) -> None:
        """A request is over that had a slot of it, or the store has told how many are left."""
        if not self._is_alone and holding.may_go:
            self._leases[holding] = None

    def let_go(self, now_ns: int) -> list[Holding]:
        """The leases whose slots are not used: they go back with the next Ask."""
        self._leases = {one: None for one in self._leases if one.may_go}
        idle = [one for one in self._leases if now_ns - one.spent_ns >= _IDLE_NS]
        for holding in idle:
            del self._leases[holding]
            holding.let_go()
        return idle
