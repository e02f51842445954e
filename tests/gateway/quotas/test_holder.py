"""What the holder and the store do together, with nothing going wrong."""

import pytest

from gateway.limits import Budget, Concurrency, Limit, Metric, Period
from gateway.quotas.concurrency_account import ASK_US
from gateway.quotas.decisions import Reason, Refusal, Reservation, Waiting
from gateway.quotas.holder import SLOT_WAIT_NS
from gateway.quotas.holding import Holding
from gateway.quotas.policies import Policies, Policy
from gateway.quotas.protocol import TTL_US, VERY_LIGHT
from gateway.quotas.waiting_lines import MAX_ALL_HOPES, MAX_HOPES
from gateway.rates import Rate
from tests.gateway.quotas.world import SECOND_US, Worker, World

ONE = (1, 1, 100, 10)


def limit(
    measure: Rate | Budget | Concurrency, metric: Metric = Metric.REQUESTS, **more: str
) -> Limit:
    id_ = more.get("id", f"{metric}-{type(measure).__name__}")
    return Limit(id_, "acme", "key_1", more.get("models", "*"), metric, measure)


def admitted(worker: Worker, requests: int, costs: tuple[int, int, int, int] = ONE) -> int:
    before = len(worker.world.log)
    for _ in range(requests):
        worker.request(costs)
        worker.exchange()
    return len(worker.world.log) - before


def test_a_burst_is_admitted_and_then_the_rate() -> None:
    world = World((limit(Rate(10, 1, 20)),))
    (worker,) = world.workers
    assert admitted(worker, 50) == 20
    world.pass_us(SECOND_US)
    assert admitted(worker, 50) == 10


def test_a_burst_of_one_is_admitted_at_its_rate() -> None:
    world = World((limit(Rate(10, 1, 1)),))
    (worker,) = world.workers
    count = 0
    for _ in range(1000):
        world.pass_us(SECOND_US // 100)
        count += admitted(worker, 1)
    assert 98 <= count <= 101


def test_a_budget_is_given_to_the_last_unit_and_no_further() -> None:
    world = World((limit(Budget(1000, Period.DAY)),), workers=4)
    for _ in range(400):
        for worker in world.workers:
            admitted(worker, 1)
            worker.beat()
        world.pass_us(SECOND_US // 50)
    assert len(world.log) == 1000


def test_a_budget_is_there_again_on_the_next_day() -> None:
    world = World((limit(Budget(10, Period.DAY)),))
    (worker,) = world.workers
    assert admitted(worker, 20) == 10
    assert worker.refusals[-1].retry_after_s == 12 * 3600
    world.pass_us(12 * 3600 * SECOND_US)
    assert admitted(worker, 20) == 10


def test_slots_come_back_when_requests_are_settled() -> None:
    world = World((limit(Concurrency(3)),))
    (worker,) = world.workers
    assert admitted(worker, 3) == 3
    worker.settle(worker.in_flight[0], ONE)
    assert admitted(worker, 5) == 1


def test_a_request_is_charged_to_all_limits_or_to_none() -> None:
    rate, budget = limit(Rate(100, 1, 100)), limit(Budget(5, Period.DAY))
    world = World((rate, budget))
    (worker,) = world.workers
    assert admitted(worker, 20) == 5
    assert worker.allowance().holdings[0].spent == 5


def test_who_may_not_send_so_much_at_once_is_told_that_waiting_does_not_help() -> None:
    world = World((limit(Budget(5, Period.DAY), Metric.SAMPLES),))
    outcome = world.workers[0].request((1, 6, 0, 0))
    assert outcome == Refusal(Reason.TOO_LARGE, world.limits[0], None, cost=6)


def test_a_key_without_limits_asks_nothing_of_the_store() -> None:
    world = World(())
    (worker,) = world.workers
    assert admitted(worker, 10) == 10
    worker.beat()
    assert world.store.operations == 0


def test_a_limit_on_other_models_does_not_count() -> None:
    world = World((limit(Budget(0, Period.DAY), models="resnet*"),))
    assert admitted(world.workers[0], 1) == 1


def test_who_is_known_to_have_used_it_up_is_refused_without_asking() -> None:
    world = World((limit(Budget(5, Period.DAY)),))
    (worker,) = world.workers
    admitted(worker, 10)
    operations = world.store.operations
    assert admitted(worker, 1000) == 0
    assert world.store.operations == operations


BUSY = (Rate(1000, 1, 1000), Budget(10**6, Period.DAY))
SELDOM = (Rate(100, 1, 200), Budget(10**6, Period.DAY))
OF_MUCH = (Rate(1000, 1, 100_000), Budget(10**8, Period.DAY))


@pytest.mark.parametrize(
    ("measures", "times", "every_us", "operations"),
    [
        (BUSY, 10_000, SECOND_US // 500, 100),
        (SELDOM, 600, SECOND_US // 2, 60),
        (OF_MUCH, 4000, SECOND_US // 2, 40),
    ],
    ids=["a busy key", "who sends now and then", "who uses next to nothing of much"],
)
def test_the_store_is_asked_once_for_many_requests(
    measures: tuple[Rate, Budget], times: int, every_us: int, operations: int
) -> None:
    world = World(tuple(limit(measure) for measure in measures))
    (worker,) = world.workers
    for _ in range(times):
        world.pass_us(every_us)
        admitted(worker, 1)
        worker.beat()
    assert len(world.log) == times
    assert world.store.operations <= operations


def test_a_very_light_lease_is_returned_when_it_is_not_used() -> None:
    world = World((limit(Budget(10**8, Period.DAY)),))
    (worker,) = world.workers
    for span_us in (0, 41 * SECOND_US):
        world.pass_us(span_us)
        admitted(worker, 1)
        worker.beat()
    (holding,) = worker.allowance().holdings
    assert holding.stretch == VERY_LIGHT and holding.free >= 100
    for _ in range(2):
        world.pass_us(401 * SECOND_US)
        worker.beat()
    account = world.store.account(world.limits[0])
    assert account is not None and account.out() == 0
    assert len(worker.holder) == 0


def test_a_light_lease_is_returned_when_it_is_not_used() -> None:
    world = World((limit(Budget(3000, Period.DAY)),))
    (worker,) = world.workers
    admitted(worker, 1)
    for _ in range(2):
        world.pass_us(41 * SECOND_US)
        worker.beat()
    account = world.store.account(world.limits[0])
    assert account is not None and account.out() == 0
    assert len(worker.holder) == 0


def test_who_needs_what_a_light_lease_holds_gets_it_when_it_is_returned() -> None:
    world = World((limit(Budget(3000, Period.DAY)),), workers=2)
    one, other = world.workers
    admitted(one, 1)
    assert admitted(other, 3000) == 2988
    world.pass_us(2 * SECOND_US)
    other.beat()
    # One may have spent it all.
    assert other.refusals[-1].retry_after_s == 12 * 3600
    for _ in range(61):
        world.pass_us(SECOND_US)
        one.beat()
    assert admitted(other, 20) == 11


@pytest.mark.parametrize("pause_s", [1, 42], ids=["light", "very light"])
def test_who_waits_for_all_of_a_burst_gets_it_as_told(pause_s: int) -> None:
    """Though another used a unit of it since it asked last, and would go on holding some."""
    world = World((limit(Rate(10**7, 1, 10**7), Metric.BYTES),), workers=2)
    one, other = world.workers
    for _ in range(2):
        admitted(one, 1, (1, 0, 10, 0))
        world.pass_us(pause_s * SECOND_US)
        one.beat()
    admitted(one, 1, (1, 0, 10, 0))
    settle_all(one)
    all_of_it = (1, 0, 10**7, 0)
    # What it is told of less says nothing of all.
    much = (1, 0, 6_000_000, 0)
    assert admitted(other, 1, much) == 1
    other.settle(other.in_flight[0], much)
    assert admitted(other, 1, much) + admitted(other, 1, all_of_it) == 0
    for _ in range(2):
        world.pass_us(ASK_US)
        other.beat()
    wait_s = other.refusals[-1].retry_after_s
    assert wait_s is not None and wait_s > 10
    for _ in range(wait_s):
        world.pass_us(SECOND_US)
        one.beat()
        other.beat()
    assert admitted(other, 1, all_of_it) == 1


def test_who_waits_for_his_own_requests_does_not_wait_for_what_others_hold() -> None:
    world = World((limit(Rate(10**7, 1, 10**7), Metric.BYTES),), workers=2)
    one, other = world.workers
    admitted(one, 1, (1, 0, 10, 0))
    settle_all(one)
    much = (1, 0, 6_000_000, 0)
    assert admitted(other, 2, much) == 1
    assert other.refusals[-1].retry_after_s == 2
    other.settle(other.in_flight[0], much)
    world.pass_us(2 * SECOND_US)
    assert admitted(other, 1, much) == 1


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_what_is_allowed_is_given_when_there_is_demand_for_more(workers: int) -> None:
    world = World((limit(Rate(1000, 1, 1000)),), workers)
    for step in range(60_000):
        world.pass_us(SECOND_US // 2000)
        worker = world.workers[step % workers]
        admitted(worker, 1)
        worker.beat()
    assert 0.98 * 31_000 <= len(world.log) <= 31_000
    assert world.store.operations <= len(world.log) / 100 * workers


def test_an_estimate_that_was_too_high_is_given_back() -> None:
    world = World((limit(Budget(100, Period.DAY), Metric.COMPUTE_MS),))
    (worker,) = world.workers
    for _ in range(51):
        assert admitted(worker, 1, (1, 1, 1, 50)) == 1
        worker.settle(worker.in_flight[0], (1, 1, 1, 1))
    assert admitted(worker, 1, (1, 1, 1, 50)) == 0


def test_an_estimate_that_was_too_low_is_a_debt() -> None:
    world = World((limit(Budget(100, Period.DAY), Metric.COMPUTE_MS),))
    (worker,) = world.workers
    admitted(worker, 1, (1, 1, 1, 10))
    worker.settle(worker.in_flight[0], (1, 1, 1, 95))
    assert admitted(worker, 1, (1, 1, 1, 10)) == 0
    assert admitted(worker, 1, (1, 1, 1, 5)) == 1


def test_an_estimate_above_the_limit_asks_for_all_of_it() -> None:
    world = World((limit(Budget(100, Period.DAY), Metric.COMPUTE_MS),))
    assert admitted(world.workers[0], 1, (1, 1, 1, 1000)) == 1


def test_settling_twice_counts_once() -> None:
    world = World((limit(Concurrency(1)),))
    (worker,) = world.workers
    first = worker.request(ONE)
    worker.exchange()
    assert isinstance(first, Waiting)
    reservation = world.log[0].reservation
    for _ in range(2):
        worker.holder.settle(reservation, ONE)
    assert admitted(worker, 3) == 1


def test_nobody_overtakes_who_waits_for_the_same_limit() -> None:
    world = World((limit(Budget(100, Period.DAY), Metric.SAMPLES),))
    (worker,) = world.workers
    large, small = worker.request((1, 50, 0, 0)), worker.request((1, 1, 0, 0))
    assert isinstance(large, Waiting) and isinstance(small, Waiting)
    worker.exchange()
    assert [line.costs[1] for line in world.log] == [50, 1]


def test_who_left_while_waiting_is_charged_nothing() -> None:
    world = World((limit(Budget(1, Period.DAY)),))
    (worker,) = world.workers
    first = worker.request(ONE)
    assert isinstance(first, Waiting)
    worker.holder.leave(first)
    assert admitted(worker, 1) == 1


def test_what_is_idle_is_returned_and_forgotten() -> None:
    world = World((limit(Budget(100, Period.DAY)),), workers=2)
    one, other = world.workers
    admitted(one, 40)
    world.pass_us(SECOND_US)
    one.beat()
    world.pass_us(SECOND_US)
    one.beat()
    assert len(one.holder) == 0
    assert admitted(other, 100) == 60


def test_what_is_held_is_returned_at_the_end() -> None:
    world = World((limit(Budget(100, Period.DAY)),), workers=2)
    one, other = world.workers
    admitted(one, 40)
    one.holder.close()
    one.exchange()
    assert admitted(other, 100) == 60


def contested(slots: int) -> tuple[World, Worker, Worker]:
    """One has them all in flight, the other found none, and the first has heard of that."""
    world = World((limit(Concurrency(slots)),), workers=2)
    one, other = world.workers
    assert admitted(one, slots) == slots
    assert admitted(other, 1) == 0
    world.pass_us(SECOND_US)
    one.beat()
    return world, one, other


def settle_all(worker: Worker) -> None:
    for line in list(worker.in_flight):
        worker.settle(line, ONE)


def test_slots_that_others_wait_for_are_returned_at_once() -> None:
    world, one, other = contested(4)
    for _ in range(3):
        one.settle(one.in_flight[0], ONE)
        one.exchange()
        world.pass_us(ASK_US)
        assert admitted(other, 1) == 1


def test_a_slot_that_comes_back_while_the_store_is_asked_is_returned_too() -> None:
    world, one, other = contested(2)
    world.pass_us(SECOND_US)
    one.holder.beat()
    (asked,) = one.send()
    settle_all(one)
    one.hear(world.store.renew(asked))
    one.exchange()
    world.pass_us(ASK_US)
    assert admitted(other, 1) == 1


def test_a_free_slot_goes_back_as_soon_as_it_is_heard_that_others_have_none() -> None:
    world = World((limit(Concurrency(2)),), workers=2)
    one, other = world.workers
    assert admitted(one, 2) == 2
    settle_all(one)
    assert admitted(other, 1) == 0
    world.pass_us(ASK_US)
    # It asks for another reason than that they are idle.
    assert admitted(one, 1) == 1
    world.pass_us(SECOND_US)
    one.beat()
    other.beat()
    assert [line.worker for line in world.log].count(other) == 1


def look_again(worker: Worker) -> None:
    worker.holder.look_again()
    worker.exchange()


def test_an_idle_slot_is_there_for_a_request_elsewhere_that_waits_a_moment() -> None:
    world = World((limit(Concurrency(1)),), workers=2)
    one, other = world.workers
    assert admitted(one, 1) == 1
    settle_all(one)
    assert admitted(other, 1) == 0
    assert other.holder.is_hopeful and not other.refusals
    world.pass_us(SECOND_US // 4)
    one.beat()
    look_again(other)
    assert other.in_flight and not other.holder.is_hopeful


def test_who_calls_now_here_and_now_there_is_never_refused_their_only_slot() -> None:
    world = World((limit(Concurrency(1)),), workers=3)
    longest_us, step_us = 0, 5000
    for number in range(300):
        worker = world.workers[number % 3]
        began_us = world.clock.us
        worker.request(ONE)
        worker.exchange()
        while not worker.in_flight:
            assert not worker.refusals
            world.pass_us(step_us)
            for each in world.workers:
                if world.clock.us % (SECOND_US // 4) == 0:
                    each.beat()
                if world.clock.us % (SECOND_US // 50) == 0:
                    look_again(each)
        longest_us = max(longest_us, world.clock.us - began_us)
        world.pass_us(step_us)
        settle_all(worker)
        worker.exchange()
    assert longest_us < 360_000


def test_who_waits_for_a_slot_in_vain_is_refused() -> None:
    world = World((limit(Concurrency(2)),), workers=2)
    one, other = world.workers
    assert admitted(one, 2) == 2
    assert admitted(other, 1) == 0
    world.pass_us(SLOT_WAIT_NS // 1000 - 1)
    look_again(other)
    assert not other.refusals
    world.pass_us(1)
    look_again(other)
    assert [(one.reason, one.retry_after_s) for one in other.refusals] == [(Reason.USED_UP, 1)]
    assert not other.holder.is_hopeful


@pytest.mark.parametrize(("slots", "waiting"), [(2, 2), (100, MAX_HOPES)])
def test_no_more_requests_wait_for_slots_than_there_are_or_can_be_tried(
    slots: int, waiting: int
) -> None:
    world = World((limit(Concurrency(slots)),), workers=2)
    one, other = world.workers
    assert admitted(one, slots) == slots
    assert admitted(other, 150) == 0
    assert len(other.refusals) == 150 - waiting


def limits_of_keys(count: int) -> list[Limit]:
    """A slot for each of so many keys of one tenant."""
    return [
        Limit(f"slot_{n}", "acme", f"key_{n}", "*", Metric.REQUESTS, Concurrency(1))
        for n in range(count)
    ]


def outcomes_of(worker: Worker, limits: list[Limit]) -> list[object]:
    """What becomes of a request for each."""
    outcomes = []
    for one in limits:
        worker.limits = (one,)
        outcome = worker.request(ONE)
        worker.exchange()
        outcomes.append(outcome)
    return outcomes


def test_who_waits_for_a_slot_of_one_key_keeps_nobody_from_waiting_for_another() -> None:
    limits = limits_of_keys(2)
    world = World(tuple(limits), workers=2)
    one, other = world.workers
    outcomes_of(one, limits)
    outcomes_of(other, limits)
    assert not other.refusals
    outcomes_of(other, limits)
    assert len(other.refusals) == 2


def test_in_all_so_many_wait_for_slots_that_all_can_be_tried() -> None:
    limits = limits_of_keys(MAX_ALL_HOPES + 10)
    world = World(tuple(limits), workers=2)
    one, other = world.workers
    outcomes_of(one, limits)
    outcomes_of(other, limits)
    assert len(other.refusals) == 10


def test_what_could_not_even_wait_is_foreseen() -> None:
    world = World((limit(Concurrency(1)),), workers=2)
    one, other = world.workers
    assert admitted(one, 1) == 1
    assert admitted(other, 1) == 0
    refusal = other.holder.foresee(other.allowance(), ONE)
    assert refusal is not None and refusal.reason is Reason.USED_UP
    world.pass_us(SLOT_WAIT_NS // 1000)
    look_again(other)
    assert other.holder.foresee(other.allowance(), ONE) is None


def test_a_client_in_a_hurry_waits_no_longer_for_a_slot_than_it_says() -> None:
    world = World((limit(Concurrency(1)),), workers=2)
    one, other = world.workers
    assert admitted(one, 1) == 1
    heard: list[object] = []
    other.holder.admit(other.allowance(), ONE, heard.append, 100_000_000)
    other.exchange()
    world.pass_us(100_000)
    look_again(other)
    assert [type(outcome) for outcome in heard] == [Refusal]


def test_who_waits_for_a_slot_asks_less_and_less_often() -> None:
    world = World((limit(Concurrency(1)),), workers=2)
    one, other = world.workers
    assert admitted(one, 1) == 1
    before = world.store.operations
    for _ in range(100):
        if not other.holder.is_hopeful:
            admitted(other, 1)
        world.pass_us(SECOND_US // 50)
        look_again(other)
    assert 16 <= world.store.operations - before <= 28


def test_slots_that_nobody_else_wants_stay_however_long_requests_take() -> None:
    world = World((limit(Concurrency(8)),), workers=2)
    one, _ = world.workers
    for _ in range(20):
        assert admitted(one, 2) == 2
        world.pass_us(SECOND_US // 20)
        settle_all(one)
        one.exchange()
    assert world.store.operations < 10


def test_none_of_many_slots_that_come_back_is_kept_idle() -> None:
    world, one, other = contested(8)
    settle_all(one)
    one.exchange()
    world.pass_us(ASK_US)
    assert admitted(other, 8) == 8


def test_a_light_lease_is_counted_on_no_longer_than_the_store_may_have_it() -> None:
    """The answer by which it became an ordinary one is lost, and its holder is cut off."""
    refuse = Policies(concurrency=Policy.REFUSE)
    world = World((limit(Concurrency(200)),), workers=2, policies=refuse)
    one, other = world.workers
    admitted(one, 1)
    (holding,) = one.allowance().holdings
    assert holding.stretch > 1
    for _ in range(30):
        one.request(ONE)
    for renewal in one.send():
        assert world.store.renew(renewal).given[0].ttl_us == TTL_US
        one.give_up(renewal)
    world.pass_us(TTL_US)
    assert admitted(other, 200) == 200
    assert holding.ends_ns <= one.now_ns()


def test_slots_of_a_lease_that_is_over_are_not_returned_once_more() -> None:
    world, one, other = contested(2)
    world.pass_us(6 * SECOND_US)
    assert admitted(other, 2) == 2
    one.beat()
    (holding,) = one.allowance().holdings
    settle_all(one)
    assert (holding.granted, holding.returned, holding.free) == (0, 0, 0)


def test_slots_of_short_requests_stay_up_to_an_equal_part() -> None:
    """Between two of them a slot would be on its way for longer than in use."""
    world, one, other = contested(8)
    settle_all(one)
    one.exchange()
    assert admitted(one, 4) == 4
    world.pass_us(SECOND_US // 100)
    settle_all(one)
    assert not one.holder.is_due
    world.pass_us(ASK_US)
    assert admitted(other, 5) == 4


def test_a_lease_goes_only_when_the_store_knows_what_was_spent_of_it() -> None:
    world = World((limit(Budget(100, Period.DAY), Metric.BYTES),))
    (worker,) = world.workers
    assert admitted(worker, 1) == 1
    world.pass_us(SECOND_US)
    worker.holder.beat()
    (asked,) = worker.send()
    worker.settle(worker.in_flight[0], ONE)
    worker.hear(world.store.renew(asked))
    world.pass_us(SECOND_US)
    worker.beat()
    account = world.store.account(world.limits[0])
    assert account is not None
    assert account.out() == 0


def test_a_change_of_the_measure_applies_in_place() -> None:
    world = World((limit(Budget(10, Period.DAY)),))
    (worker,) = world.workers
    assert admitted(worker, 20) == 10
    worker.limits = (limit(Budget(15, Period.DAY)),)
    assert admitted(worker, 20) == 5


def test_a_limit_that_was_deleted_stops_at_once() -> None:
    world = World((limit(Budget(10, Period.DAY)),))
    (worker,) = world.workers
    admitted(worker, 20)
    worker.limits = ()
    assert admitted(worker, 20) == 20


def test_a_reservation_comes_at_once_from_what_is_held() -> None:
    world = World((limit(Budget(1000, Period.DAY)),))
    (worker,) = world.workers
    admitted(worker, 10)
    worker.beat()
    assert isinstance(worker.request(ONE), Reservation)


def below_low_water(measure: Budget) -> tuple[Worker, Holding]:
    world = World((limit(measure),))
    (worker,) = world.workers
    (holding,) = worker.allowance().holdings
    while holding.low_water <= 0:
        admitted(worker, 10)
        world.pass_us(SECOND_US // 4)
    while holding.free >= holding.low_water:
        assert isinstance(worker.request(ONE), Reservation)
    return worker, holding


def test_a_light_lease_is_asked_for_ahead_of_need_with_the_next_beat() -> None:
    worker, holding = below_low_water(Budget(1_000_000, Period.DAY))
    assert holding.stretch > 1
    assert not worker.holder.is_due
    assert worker.holder.beat()
    (renewal,) = worker.holder.renewals()
    assert [ask.limit for ask in renewal.asks] == [holding.limit]
    assert not worker.holder.is_due


def test_an_ordinary_lease_is_asked_for_ahead_of_need_at_once() -> None:
    worker, holding = below_low_water(Budget(1000, Period.DAY))
    assert holding.stretch == 1
    assert worker.holder.is_due


def test_what_somebody_waits_for_takes_along_what_is_asked_for_ahead_of_need() -> None:
    worker, _ = below_low_water(Budget(1_000_000, Period.DAY))
    worker.limits = (limit(Budget(7, Period.MONTH)),)
    assert isinstance(worker.request(ONE), Waiting)
    assert worker.holder.is_due
    (renewal,) = worker.holder.renewals()
    assert [ask.limit.measure.amount for ask in renewal.asks] == [7, 1_000_000]


def test_requests_that_are_over_at_once_are_served_in_turn_not_in_each_other() -> None:
    world = World((limit(Budget(100, Period.DAY), Metric.COMPUTE_MS),), workers=2)
    other, worker = world.workers
    assert admitted(other, 1, (1, 0, 0, 99)) + admitted(worker, 1, (1, 0, 0, 1)) == 2
    holder, (last,) = worker.holder, worker.in_flight
    allowance = worker.allowance()
    told = []

    def over_at_once(outcome: Reservation | Refusal) -> None:
        told.append(outcome)
        if isinstance(outcome, Reservation):
            holder.settle(outcome, (1, 0, 0, 0))

    # More than Python's stack is deep.
    for _ in range(500):
        assert isinstance(holder.admit(allowance, (1, 0, 0, 1), over_at_once), Waiting)
        worker.exchange()
    worker.settle(last, (1, 0, 0, 0))
    assert [type(outcome) for outcome in told] == [Reservation] * 500
