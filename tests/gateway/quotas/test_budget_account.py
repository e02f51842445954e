"""Used and out are never more than the budget."""

from gateway.limits import Budget, Period
from gateway.quotas.budget_account import DayAccount
from gateway.quotas.ledger import Now
from gateway.quotas.protocol import HEARTBEAT_US, TTL_US
from tests.gateway.quotas.builders import Ledger
from tests.gateway.quotas.world import NOON_US, SECOND_US

HOUR_US = 3600 * SECOND_US


def ledger(amount: int = 100, wall_us: int = NOON_US) -> Ledger:
    return Ledger(DayAccount(), Budget(amount, Period.DAY), Now(SECOND_US, wall_us))


def test_no_more_is_granted_than_there_is() -> None:
    budget = ledger()
    assert budget.renew(needs=60).granted == 60
    assert budget.renew("other", needs=41).granted == 0
    assert budget.renew("other", needs=40).granted == 40


def test_what_a_lease_had_when_it_ran_out_is_used() -> None:
    budget = ledger()
    budget.renew(needs=60)
    budget.pass_us(TTL_US)
    assert budget.renew("other", needs=40, wants=100).left == 0


def test_what_is_returned_can_be_had_again() -> None:
    budget = ledger()
    budget.renew(needs=60)
    budget.renew(granted=60, spent=10, returned=50)
    assert budget.renew("other", needs=90).granted == 90


def test_the_next_day_begins_anew() -> None:
    budget = ledger()
    budget.renew(needs=100)
    budget.pass_us(12 * HOUR_US)
    assert budget.renew("other", needs=100).granted == 100


def test_a_lease_ends_with_its_day() -> None:
    budget = ledger(wall_us=NOON_US + 12 * HOUR_US - SECOND_US)
    assert budget.renew(needs=1).ttl_us == SECOND_US


def test_the_calendar_does_not_go_back() -> None:
    budget = ledger()
    budget.renew(needs=100)
    budget.now = Now(budget.now.us + TTL_US, NOON_US - 24 * HOUR_US)
    assert budget.renew("other", needs=1).granted == 0


def test_a_lease_that_lives_on_when_the_calendar_is_set_counts_in_the_new_day() -> None:
    budget = ledger()
    budget.renew(needs=60)
    budget.now = Now(budget.now.us + 1, NOON_US + 24 * HOUR_US)
    assert budget.renew("other", needs=41).granted == 0
    assert budget.renew("other", needs=40).granted == 40


def test_beyond_its_need_a_holder_gets_its_part_of_what_is_left() -> None:
    budget = ledger()
    budget.renew(needs=20)
    assert budget.renew("other", needs=10, wants=100).granted == 10 + 70 // 2


def test_used_up_is_told_until_the_end_of_the_day() -> None:
    budget = ledger()
    given = budget.renew(needs=100)
    assert given.ready_us == given.ask_us == given.window_us == 12 * HOUR_US


def test_as_long_as_others_hold_units_it_is_not_told_to_be_used_up() -> None:
    budget = ledger()
    budget.renew(needs=100)
    given = budget.renew("other", needs=1)
    assert (given.ready_us, given.ask_us) == (HEARTBEAT_US, HEARTBEAT_US // 4)


def test_more_spent_than_granted_counts_as_used() -> None:
    budget = ledger()
    budget.renew(needs=10)
    budget.renew(granted=10, spent=95)
    assert budget.renew("other", needs=6).granted == 0
    assert budget.renew("other", needs=5).granted == 5


def test_a_boot_uses_what_was_out() -> None:
    budget = ledger()
    budget.renew(needs=60)
    budget.account.restart(budget.now)
    assert budget.renew("other", needs=40, wants=100).left == 0
