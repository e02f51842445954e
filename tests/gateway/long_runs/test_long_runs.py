"""Short forms of the long runs: a leak or an unbounded buffer shows in seconds as well."""

from collections import Counter

from tests.gateway.long_runs.hedging import Plan, measure
from tests.gateway.long_runs.idle import idle
from tests.gateway.long_runs.large import large
from tests.gateway.long_runs.parts import MIB
from tests.gateway.long_runs.steady import steady, unexpected


def test_nothing_is_kept_of_a_request() -> None:
    seen = steady(5, 2000, filling=2000, report=lambda _: None)
    assert seen.growth_bytes < 2 * MIB
    assert seen.statuses.total() == 10_000
    assert not unexpected(seen.statuses)


def test_answers_that_should_not_be_there_are_told() -> None:
    assert unexpected(Counter({200: 95, 401: 3, 404: 2})) == {}
    assert unexpected(Counter({200: 95, 503: 1})) == {503: 1}
    assert unexpected(Counter({200: 5, 404: 95})) == {200: 5}


def test_idle_connections_are_held_and_cost_little() -> None:
    seen = idle(500)
    assert seen.all_answered
    assert seen.bytes_each < 30_000


def test_large_bodies_and_answers_pass_in_bounded_memory() -> None:
    for seen in large(64 * MIB):
        assert seen.peak_bytes - seen.before_bytes < 16 * MIB, str(seen)


def test_hedging_spares_clients_the_slow_answers_of_one_triton() -> None:
    plan = Plan(requests=200, fast_s=0.001, slow_s=2.0, slow_every=20)
    without, hedged = (measure(plan, hedge_after_ms=wait_ms) for wait_ms in (0, 50))
    assert max(without.seconds) >= plan.slow_s > max(hedged.seconds)
    assert without.statuses == hedged.statuses == Counter({200: 200})
    assert without.inferences == 200 < hedged.inferences
