"""A bucket that refills only up to its burst less what is out."""

from gateway.quotas.ledger import Now
from gateway.quotas.protocol import HEARTBEAT_US, LIGHT, TTL_US, VERY_LIGHT
from gateway.quotas.rate_account import RateAccount
from gateway.rates import MAX_AMOUNT, Rate
from tests.gateway.quotas.builders import Ledger

SECOND_US = 1_000_000


def ledger(amount: int = 10, burst: int = 10, period_s: int = 1) -> Ledger:
    return Ledger(RateAccount(), Rate(amount, period_s, burst), Now(SECOND_US, 0))


def test_a_new_bucket_is_full() -> None:
    assert ledger().renew(needs=10).granted == 10


def test_what_is_out_does_not_refill() -> None:
    bucket = ledger()
    bucket.renew(needs=10)
    bucket.pass_us(SECOND_US)
    assert bucket.renew("other", needs=1).granted == 0


def test_what_was_spent_refills_from_when_it_is_told() -> None:
    bucket = ledger()
    bucket.renew(needs=10)
    bucket.pass_us(SECOND_US)
    bucket.renew(granted=10, spent=10)
    bucket.pass_us(SECOND_US // 2)
    assert bucket.renew("other", needs=5).granted == 5


def test_what_was_spent_some_time_ago_has_refilled_since() -> None:
    bucket = ledger()
    bucket.renew(needs=10)
    bucket.pass_us(SECOND_US)
    bucket.renew(granted=10, spent=10, quiet_us=SECOND_US // 2)
    assert bucket.renew("other", needs=5).granted == 5


def test_a_lease_that_ran_out_is_gone_and_refills_from_its_end() -> None:
    bucket = ledger()
    bucket.renew(needs=10)
    bucket.pass_us(TTL_US + SECOND_US // 2)
    assert bucket.renew("other", needs=6).granted == 0
    assert bucket.renew("other", needs=5).granted == 5
    assert bucket.account.leases.keys() == {"other"}


def test_what_is_returned_can_be_had_at_once() -> None:
    bucket = ledger()
    bucket.renew(needs=10)
    bucket.renew(granted=10, returned=7)
    assert bucket.renew("other", needs=7).granted == 7


def test_a_message_that_comes_again_changes_nothing() -> None:
    bucket = ledger()
    first = bucket.renew(needs=4)
    assert bucket.renew(number=1, needs=10).granted == first.granted


def test_a_lost_answer_is_told_again() -> None:
    bucket = ledger()
    bucket.renew(needs=4)
    assert bucket.renew(needs=4).granted == 4


def test_a_holder_that_knows_of_units_the_store_does_not_has_lost_them() -> None:
    given = ledger().renew(granted=5, spent=1, needs=3)
    assert given.is_lost
    assert given.granted == 0


def test_another_epoch_ends_the_one_before() -> None:
    bucket = ledger()
    bucket.renew(needs=6)
    assert bucket.renew(epoch=2, needs=6).granted == 0
    assert bucket.renew(epoch=2, needs=4).granted == 4


def test_more_spent_than_granted_is_owed() -> None:
    bucket = ledger()
    bucket.renew(needs=10)
    given = bucket.renew(granted=10, spent=15)
    assert given.granted == 15
    bucket.pass_us(SECOND_US // 2)
    assert bucket.renew("other", needs=1).granted == 0
    bucket.pass_us(SECOND_US // 10)
    assert bucket.renew("other", needs=1).granted == 1


def test_who_needs_more_than_is_there_is_told_when_it_will_be() -> None:
    bucket = ledger()
    bucket.renew(needs=10)
    given = bucket.renew(granted=10, spent=10, needs=5)
    assert given.granted == 10
    assert given.ready_us == SECOND_US // 2
    bucket.pass_us(given.ready_us)
    assert bucket.renew(granted=10, spent=10, needs=5).granted == 15


def test_what_others_hold_is_told_to_be_there_when_their_leases_end() -> None:
    bucket = ledger()
    bucket.renew(needs=6)
    given = bucket.renew("other", needs=8)
    assert given.ask_us == HEARTBEAT_US
    bucket.pass_us(given.ready_us)
    assert bucket.renew("other", needs=8).granted == 8


def test_no_holder_holds_more_than_its_part_of_a_quarter_of_the_burst_beyond_its_need() -> None:
    bucket = ledger(burst=100)
    assert bucket.renew(wants=100).granted == 25
    assert bucket.renew("other", wants=100).granted == 12
    assert bucket.renew("third", needs=64, wants=100).granted == 0
    assert bucket.renew("third", needs=20, wants=100).granted == 20


def test_not_a_unit_is_gained_or_lost_over_many_small_steps() -> None:
    bucket = ledger(amount=7, burst=1_000, period_s=3600)
    bucket.renew(needs=1000)
    spent = 1000
    for _ in range(10_000):
        bucket.pass_us(1_234_567)
        given = bucket.renew(granted=spent, spent=spent, needs=1)
        spent = given.granted
    assert spent - 1000 == 7 * 10_000 * 1_234_567 // (3600 * SECOND_US)


def test_the_fastest_rate_counts_in_numbers_that_a_double_holds() -> None:
    bucket = ledger(amount=MAX_AMOUNT, burst=MAX_AMOUNT, period_s=3600)
    bucket.renew(needs=MAX_AMOUNT)
    bucket.renew(granted=MAX_AMOUNT, spent=MAX_AMOUNT)
    bucket.pass_us(3600 * SECOND_US // 2)
    assert bucket.renew("other", needs=MAX_AMOUNT // 2 + 1).granted == 0
    assert bucket.renew("other", needs=MAX_AMOUNT // 2).granted == MAX_AMOUNT // 2
    assert (MAX_AMOUNT + 1) * 1_000_000 < 2**53


def test_a_burst_that_was_lowered_holds_at_once() -> None:
    bucket = ledger(burst=100)
    bucket.renew(needs=10)
    bucket.measure = Rate(10, 1, 20)
    assert bucket.renew(granted=10, needs=20).granted == 20
    assert bucket.renew("other", needs=1).granted == 0


def test_it_says_nothing_any_more_once_it_is_full_without_leases() -> None:
    bucket = ledger(amount=10, burst=20)
    bucket.renew(needs=20)
    assert bucket.account.idle_from_us(bucket.now) == bucket.now.us + TTL_US + 2 * SECOND_US


def test_little_of_much_is_held_for_long_and_from_the_second_time_on_for_longer() -> None:
    bucket = ledger(burst=1_000_000)
    light = bucket.renew(wants=10)
    assert (light.ttl_us, light.granted) == (LIGHT * TTL_US, LIGHT * 10)
    very_light = bucket.renew(wants=10, granted=light.granted, spent=light.granted)
    assert very_light.ttl_us == VERY_LIGHT * TTL_US
    assert very_light.granted - light.granted == VERY_LIGHT * 10


def test_very_light_leases_hold_a_hundredth_at_most() -> None:
    # 83 units for two holders in ten minutes are 19,920, and 84 are 20,160.
    for wants, stretch in ((83, VERY_LIGHT), (84, LIGHT)):
        bucket = ledger(burst=2_000_000)
        first = bucket.renew(wants=1)
        bucket.renew("other", wants=1)
        assert bucket.renew(wants=wants, granted=first.granted).ttl_us == stretch * TTL_US


def test_a_lease_that_wants_nothing_is_not_light() -> None:
    bucket = ledger(burst=1_000_000)
    granted = bucket.renew(wants=10).granted
    given = bucket.renew(wants=0, granted=granted, returned=granted)
    assert given.ttl_us == TTL_US
