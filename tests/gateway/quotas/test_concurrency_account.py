"""Slots are out on leases, or free."""

from gateway.limits import Concurrency
from gateway.quotas.concurrency_account import ASK_US, ConcurrencyAccount
from gateway.quotas.ledger import Now
from gateway.quotas.protocol import HEARTBEAT_US, TTL_US
from tests.gateway.quotas.builders import Ledger


def ledger(slots: int = 4) -> Ledger:
    return Ledger(ConcurrencyAccount(), Concurrency(slots), Now(1, 1))


def test_no_more_slots_are_out_than_there_are() -> None:
    slots = ledger()
    slots.renew(needs=3)
    assert slots.renew("other", needs=2).granted == 0
    assert slots.renew("other", needs=1).granted == 1


def test_slots_of_a_holder_that_is_gone_are_free_again() -> None:
    slots = ledger()
    slots.renew(needs=4)
    slots.pass_us(TTL_US)
    assert slots.renew("other", needs=4).granted == 4


def test_who_got_none_makes_the_others_keep_equal_parts_for_a_while() -> None:
    slots = ledger()
    slots.renew(needs=4)
    assert slots.renew("other", needs=1).ask_us == ASK_US
    assert slots.renew(granted=4, needs=4).keep == 2
    slots.pass_us(2 * HEARTBEAT_US)
    assert slots.renew(granted=4, needs=4).keep == 4


def test_part_is_kept_for_those_who_are_not_there_just_then() -> None:
    slots = ledger(1)
    slots.renew(needs=1)
    slots.renew("other", needs=1, wants=1)
    slots.renew("other")
    assert slots.renew(granted=1, needs=1).keep == 0
