"""The account of a concurrency: slots are out on leases, or free."""

from typing import ClassVar

from gateway.limits import Concurrency
from gateway.quotas.ledger import Account, Lease, Now, Wait
from gateway.quotas.protocol import HEARTBEAT_US, LIGHT, Ask

# A holder that was refused a slot asks again so soon: slots come free at any moment.
ASK_US = 25_000


class ConcurrencyAccount(Account[Concurrency], tag="concurrency"):
    """Slots on all leases are never more than there are."""

    # Who waits for a slot waits for seconds, not for minutes.
    longest: ClassVar[int] = LIGHT

    # Until then holders keep no more than equal parts: one of them could get none.
    shared_until_us: int = 0

    def restart(self, now: Now) -> None:
        self.leases, self.light_from_us, self.shared_until_us = {}, 0, 0

    def book(self, measure: Concurrency, lease: Lease, ask: Ask, now: Now) -> None:
        # Nothing is spent of a slot.
        lease.spent, lease.returned = ask.spent, ask.returned

    def spare(self, measure: Concurrency) -> int:
        return measure.slots - self.out()

    def keep(self, measure: Concurrency, holders: int, now: Now) -> int:
        if now.us >= self.shared_until_us:
            return measure.slots
        # At least one more would have some, though it is not always there.
        return measure.slots // max(holders, 2)

    def wait(self, measure: Concurrency, lease: Lease, ask: Ask, short: int, now: Now) -> Wait:
        if not any(self.others(lease)):
            return Wait(HEARTBEAT_US, HEARTBEAT_US)
        # Long enough for the others to hear of it.
        self.shared_until_us = now.us + 2 * HEARTBEAT_US
        return Wait(self.told_us(lease, now), ASK_US)
