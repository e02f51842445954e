"""The account of a rate: a bucket that refills up to its burst less all that is out on leases.

It counts whole units and millionths of one. Its clock ticks a million times in the period of the
rate, so a tick brings as many millionths as the rate has units: nothing is rounded, and no number
is above 2**53.
"""

from gateway.quotas.ledger import Account, Lease, Now, Wait
from gateway.quotas.protocol import HEARTBEAT_US, Ask
from gateway.rates import Rate

MILLION = 1_000_000
# A holder that finds the bucket empty asks again when a batch is there, or after so long: asking
# for each unit that drips in would be an operation of the store a request.
BATCH_US = 250_000


class RateAccount(Account[Rate], tag="rate"):
    """Over any T seconds, at most `burst + rate * T` units leave it."""

    # Below zero by what was spent beyond what was granted.
    level: int = 0
    millionths: int = 0
    refilled_us: int = 0
    # An empty bucket is full again after so long, whatever is owed included.
    full_after_us: int = 0

    def begin(self, measure: Rate, now: Now) -> None:
        self.level, self.refilled_us = measure.burst, now.us

    def restart(self, now: Now) -> None:
        # How long it was off is not known for sure: nothing refilled.
        self.leases, self.light_from_us, self.refilled_us = {}, 0, now.us

    def look(self, measure: Rate, now: Now) -> None:
        # The burst may be less than it was.
        self.level = min(self.level, max(measure.burst - self.out(), 0))

    def end(self, measure: Rate, lease: Lease, at_us: int) -> None:
        """What is out goes with the lease; only from here on its room refills."""
        self.refill(measure, at_us)

    def book(self, measure: Rate, lease: Lease, ask: Ask, now: Now) -> None:
        self.refill(measure, now.us - ask.quiet_us)
        back = ask.returned - lease.returned
        lease.spent = ask.spent
        debt = max(-(lease.out - back), 0)
        lease.granted += debt
        self.level -= debt
        self.refill(measure, now.us)
        lease.returned = ask.returned
        self.level += back
        # What came back may be of a larger burst.
        self.look(measure, now)
        owed = max(-self.level, 0)
        self.full_after_us = self._refill_us(measure, measure.burst + owed, now)

    def spare(self, measure: Rate) -> int:
        return self.level

    def part(self, units: int, holders: int) -> int:
        # There is more soon; a part of little would have each holder ask for every request.
        return units

    def take(self, units: int) -> None:
        self.level -= units

    def keep(self, measure: Rate, holders: int, now: Now) -> int:
        # Most of the burst stays here: the room of what is out does not refill until it is told,
        # and what a killed worker holds is gone.
        return measure.burst // (4 * holders)

    def wait(self, measure: Rate, lease: Lease, ask: Ask, short: int, now: Now) -> Wait:
        refill_us = self._refill_us(measure, short, now)
        if self.level + short > measure.burst - self.out():
            # Not by refilling alone: the holder's own requests must end, and if that is not enough
            # others return units, or their leases end.
            others = list(self.others(lease))
            others_out = sum(other.out for other in others)
            is_enough = max(ask.needed, 1) + others_out <= measure.burst
            ends_us = (other.ends_us for other in others)
            last_us = now.us if is_enough else max(ends_us, default=now.us)
            return Wait(max(last_us - now.us, HEARTBEAT_US) + refill_us, HEARTBEAT_US)
        batch_us = self._refill_us(measure, measure.burst // 4 - self.level, now)
        return Wait(refill_us, max(refill_us, min(batch_us, BATCH_US)))

    def refill(self, measure: Rate, until_us: int) -> None:
        """Add what came in until then."""
        ticks = (until_us - self.refilled_us) // measure.period_s
        if ticks < 0:
            return
        periods, rest = divmod(ticks, MILLION)
        units, millionths = divmod(rest * measure.amount + self.millionths, MILLION)
        room = measure.burst - self.out() - self.level
        if units + periods * measure.amount >= room:
            self.level += max(room, 0)
            # What is full gains nothing, a part of a tick included.
            self.millionths, self.refilled_us = 0, until_us
            return
        self.level += units + periods * measure.amount
        self.millionths = millionths
        self.refilled_us += ticks * measure.period_s

    def idle_from_us(self, now: Now) -> int:
        # Full as well.
        return super().idle_from_us(now) + self.full_after_us

    def _refill_us(self, measure: Rate, units: int, now: Now) -> int:
        ticks = -(-(units * MILLION - self.millionths) // measure.amount)
        return max(ticks * measure.period_s - (now.us - self.refilled_us), 1)
