"""What the script in Redis must answer: the ledger's accounts in memory, at a time that is told."""

from dataclasses import replace
from typing import Any

from gateway.quotas.accounts import account_key, new_account
from gateway.quotas.ledger import Account, Now
from gateway.quotas.protocol import Answer, Ask, Given, Renewal

# Longer waits are told as so long: in Redis a longer one is not exact.
FOREVER_US = 10**15
EXACT = 2**53


class LedgerAtATime:
    """Renews at the time that is told. The clock of leases does not go back when that does."""

    def __init__(self) -> None:
        self._accounts: dict[tuple[str, str], Account[Any]] = {}
        self._clocks: dict[tuple[str, str], Now] = {}
        self._largest = 0

    def renew(self, renewal: Renewal, wall_us: int) -> Answer:
        given = tuple(self._given(renewal, ask, wall_us) for ask in renewal.asks)
        return Answer(number=renewal.number, given=given)

    def is_exact(self) -> bool:
        """Whether a double holds all of it: the protocol bounds what it may be told."""
        return self._largest < EXACT and all(
            abs(number) < EXACT
            for account in self._accounts.values()
            for holder in (account, *account.leases.values())
            for number in map(holder.__getattribute__, holder.__struct_fields__)
            if isinstance(number, int)
        )

    def _given(self, renewal: Renewal, ask: Ask, wall_us: int) -> Given:
        place = renewal.tenant, account_key(ask.limit)
        now = self._now(place, wall_us)
        account = self._accounts.setdefault(place, new_account(ask.limit, now))
        given = account.renew(ask.limit.measure, renewal.holder, renewal.number, ask, now)
        self._largest = max(self._largest, ask.needs - account.spare(ask.limit.measure))
        return replace(
            given,
            ready_us=min(given.ready_us, FOREVER_US),
            ask_us=min(given.ask_us, FOREVER_US),
        )

    def _now(self, place: tuple[str, str], wall_us: int) -> Now:
        before = self._clocks.get(place, Now(wall_us, wall_us))
        shift_us = before.us - before.wall_us
        now = Now(max(wall_us + shift_us, before.us), wall_us)
        self._clocks[place] = now
        return now
