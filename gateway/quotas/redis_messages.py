"""Renewals and Answers as the script in Redis reads and writes them (renew.lua)."""

from typing import NamedTuple

import msgspec

from gateway.quotas.accounts import account_key
from gateway.quotas.protocol import Answer, Ask, Given, Renewal, kind_of, numbers_of

# With the version of what is kept under it; a Conch that keeps it in another way begins anew.
PREFIX = "conch:quotas1:"


class Reply(NamedTuple):
    """What the script told."""

    answer: Answer
    # Units that were granted, and of which Redis knows nothing any more.
    forgotten: int


class _Row(msgspec.Struct, array_like=True, frozen=True):
    """A Given, and what Redis forgot of the lease."""

    epoch: int
    is_lost: bool
    granted: int
    ttl_us: int
    holders: int
    keep: int
    left: int
    ready_us: int
    ask_us: int
    window_us: int
    forgotten: int


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[_Row]).decode


def account_keys(renewal: Renewal) -> list[str]:
    """Where the accounts are kept: all of a tenant in one hash slot of a cluster.

    The braces say so to Redis: the first pair of them counts, and a tenant's name has none.
    """
    tenant = f"{PREFIX}{{{renewal.tenant}}}:"
    # Without Asks it is one that is written for a moment.
    return [tenant + account_key(ask.limit) for ask in renewal.asks] or [tenant + "probe"]


def pack_renewal(renewal: Renewal) -> bytes:
    """What the script gets besides the keys."""
    return _encode((renewal.holder, renewal.number, [_ask(ask) for ask in renewal.asks]))


def parse_reply(number: int, text: bytes) -> Reply:
    """The answer to the Renewal of this number; raises msgspec.MsgspecError."""
    rows = _decode(text)
    given = tuple(
        Given(
            epoch=row.epoch,
            is_lost=row.is_lost,
            granted=row.granted,
            ttl_us=row.ttl_us,
            holders=row.holders,
            keep=row.keep,
            left=row.left,
            ready_us=row.ready_us,
            ask_us=row.ask_us,
            window_us=row.window_us,
        )
        for row in rows
    )
    return Reply(Answer(number=number, given=given), sum(row.forgotten for row in rows))


def _ask(ask: Ask) -> tuple[object, ...]:
    return (
        kind_of(ask.limit),
        numbers_of(ask.limit.measure),
        ask.epoch,
        ask.granted,
        ask.spent,
        ask.returned,
        ask.quiet_us,
        ask.needs,
        ask.needed,
        ask.wants,
    )
