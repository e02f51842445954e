"""All kinds of account, and how one is found to its limit and kept as text."""

from typing import Any, TypeAlias

import msgspec

from gateway.limits import Limit
from gateway.quotas.budget_account import DayAccount, MonthAccount
from gateway.quotas.concurrency_account import ConcurrencyAccount
from gateway.quotas.ledger import Account, Now
from gateway.quotas.protocol import Kind, kind_of
from gateway.quotas.rate_account import RateAccount

AnyAccount: TypeAlias = RateAccount | DayAccount | MonthAccount | ConcurrencyAccount

_KINDS: dict[Kind, type[AnyAccount]] = {
    Kind.RATE: RateAccount,
    Kind.DAY: DayAccount,
    Kind.MONTH: MonthAccount,
    Kind.CONCURRENCY: ConcurrencyAccount,
}
_decoder = msgspec.json.Decoder(AnyAccount)


def account_key(limit: Limit) -> str:
    """The name of its account: a limit that becomes one of another kind begins anew."""
    return f"{limit.id}:{kind_of(limit)}"


def new_account(limit: Limit, now: Now) -> Account[Any]:
    """The account of a limit that was never used."""
    account: Account[Any] = _KINDS[kind_of(limit)]()
    account.begin(limit.measure, now)
    return account


def account_text(account: Account[Any]) -> bytes:
    """As JSON; `parse_account` reads it."""
    return msgspec.json.encode(account)


def parse_account(text: bytes) -> Account[Any]:
    """Raises msgspec.ValidationError for what `account_text` did not write."""
    account: Account[Any] = _decoder.decode(text)
    return account
