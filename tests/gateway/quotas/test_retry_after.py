"""Retry-After is true: who waits that long, and is alone, is admitted."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.limits import Budget, Limit, Metric, Period
from gateway.quotas.decisions import Reason, Refusal
from gateway.quotas.holding import Costs
from tests.gateway.quotas.machine import MANY, STRICT, amounts, costs, rates, spans_us, which
from tests.gateway.quotas.world import SECOND_US, Worker, World

requests = st.tuples(which, costs, spans_us)
# Of very much, nearly all is told apart from all by what others hold on very light leases.
nearly_all = st.sampled_from([MANY, MANY - 50, MANY - 1000])
large = st.tuples(st.just(1), nearly_all, nearly_all, st.just(0))
measures = st.tuples(
    rates,
    st.builds(Budget, amounts, st.just(Period.DAY)),
    rates,
    st.sets(st.integers(0, 2), min_size=1),
)


def outcome_of(worker: Worker, costs: Costs) -> object:
    """What became of a request when the store has been asked."""
    refused, admitted = len(worker.refusals), len(worker.world.log)
    worker.request(costs)
    for _ in range(8):
        # As long as it may wait.
        worker.world.pass_us(SECOND_US // 4)
        for one in worker.world.workers:
            one.beat()
    if len(worker.world.log) > admitted:
        return worker.world.log[-1]
    return worker.refusals[-1] if len(worker.refusals) > refused else None


def pass_with_beats(world: World, seconds: int) -> None:
    """All the while everybody returns what is idle; hours are not walked through."""
    for spans, span_us in (
        (min(seconds, 12) * 4, SECOND_US // 4),
        (min(max(seconds - 12, 0), 700), SECOND_US),
    ):
        for _ in range(spans):
            world.pass_us(span_us)
            for worker in world.workers:
                worker.beat()
    world.pass_us(max(seconds - 712, 0) * SECOND_US)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(requests, min_size=1, max_size=40),
    measures,
    st.integers(1, 3),
    which,
    st.one_of(costs, large),
)
def test_waiting_as_long_as_was_told_helps(
    history: list[tuple[int, Costs, int]],
    measures: tuple[object, ...],
    workers: int,
    who: int,
    last: Costs,
) -> None:
    rate, budget, size, chosen = measures
    limits = (
        Limit("rate", "acme", "key_1", "*", Metric.REQUESTS, rate),
        Limit("samples", "acme", None, "*", Metric.SAMPLES, budget),
        Limit("bytes", "acme", None, "*", Metric.BYTES, size),
    )
    world = World(tuple(limits[number] for number in sorted(chosen)), workers, STRICT)
    for number, costs_, span_us in history:
        world.pass_us(span_us)
        worker = world.workers[number % workers]
        worker.beat()
        outcome_of(worker, costs_)
        for line in list(worker.in_flight):
            worker.settle(line, line.costs)
    worker = world.workers[who % workers]
    refusal = outcome_of(worker, last)
    if isinstance(refusal, Refusal) and refusal.reason is Reason.USED_UP:
        assert refusal.retry_after_s is not None
        pass_with_beats(world, refusal.retry_after_s)
        again = outcome_of(worker, last)
        assert not isinstance(again, Refusal), (refusal, again)
        assert again is not None
