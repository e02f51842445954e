"""The account of a budget: what was used in this window, and what is out on leases."""

from typing import ClassVar

from gateway.limits import Budget
from gateway.quotas.ledger import Account, Lease, Now, Wait
from gateway.quotas.protocol import HEARTBEAT_US, LIGHT_PART_OF_BUDGET, Ask, Kind
from gateway.quotas.windows import window_end_us


class _BudgetAccount(Account[Budget]):
    """Used and out are never more than the budget."""

    light_part: ClassVar[int] = LIGHT_PART_OF_BUDGET

    used: int = 0

    def restart(self, now: Now) -> None:
        # May have been spent.
        self.used += self.out()
        self.leases, self.light_from_us = {}, 0

    def look(self, measure: Budget, now: Now) -> None:
        if now.wall_us < self.window_ends_us:
            return
        self.used = 0
        self.window_ends_us = window_end_us(Kind(measure.period), now.wall_us)

    def end(self, measure: Budget, lease: Lease, at_us: int) -> None:
        self.used += lease.out

    def book(self, measure: Budget, lease: Lease, ask: Ask, now: Now) -> None:
        self.used += ask.spent - lease.spent
        lease.spent, lease.returned = ask.spent, ask.returned
        # Spent beyond what was granted.
        lease.granted += max(-lease.out, 0)

    def spare(self, measure: Budget) -> int:
        return measure.amount - self.used - self.out()

    def keep(self, measure: Budget, holders: int, now: Now) -> int:
        return measure.amount

    def wait(self, measure: Budget, lease: Lease, ask: Ask, short: int, now: Now) -> Wait:
        window_us = self.window_us(now)
        if sum(other.out for other in self.others(lease)) < short:
            return Wait(window_us, window_us)
        # Their holders have spent them, or return them. That is known after a heartbeat; of a light
        # lease only after minutes, and then there may be none.
        told_us = self.told_us(lease, now)
        if told_us > HEARTBEAT_US:
            return Wait(window_us, HEARTBEAT_US)
        return Wait(told_us, HEARTBEAT_US // 4)


class DayAccount(_BudgetAccount, tag="day"):
    """Of a day in UTC."""


class MonthAccount(_BudgetAccount, tag="month"):
    """Of a month in UTC."""
