"""A short form of the long run of quotas, and that what judges it finds what is wrong."""

from collections import Counter
from pathlib import Path

from gateway.limits import Budget, Concurrency, Period
from gateway.rates import Rate
from tests.gateway.long_runs.quotas.judge import (
    above_budget,
    above_rate,
    allowed,
    judge,
    most_in_flight,
)
from tests.gateway.long_runs.quotas.kinds import short_run
from tests.gateway.long_runs.quotas.logs import Admitted, Logs, Sent
from tests.gateway.long_runs.quotas.plan import Group, Tenant
from tests.gateway.long_runs.quotas.report import report
from tests.gateway.long_runs.quotas.run import run

SECOND_US = 1_000_000
TEN_A_SECOND = Rate(10, 1, 20)


def admitted_at(*moments_us: int, for_us: int = 1000) -> list[Admitted]:
    return [Admitted(0, at_us, at_us, at_us + for_us) for at_us in moments_us]


def sent_at(*moments_us: int) -> list[Sent]:
    return [Sent(0, at_us, at_us, 200) for at_us in moments_us]


def test_limits_hold_while_a_worker_is_killed(tmp_path: Path) -> None:
    seen = run(short_run(), tmp_path)
    told = "\n".join(report(seen))
    assert seen.is_kept, told
    assert seen.killed == 1, told
    assert all(verdict.admitted for verdict in seen.verdicts), told


def test_a_unit_above_a_rate_is_found() -> None:
    burst = [0] * 20
    assert above_rate(admitted_at(*burst, SECOND_US // 10), TEN_A_SECOND) <= 0
    assert above_rate(admitted_at(*burst, SECOND_US // 20), TEN_A_SECOND) > 0


def test_a_unit_above_a_budget_is_found() -> None:
    day_us = 86_400 * SECOND_US
    assert above_budget(admitted_at(0, 1, day_us), Budget(2, Period.DAY)) == 0
    assert above_budget(admitted_at(0, 1, day_us), Budget(2, Period.MONTH)) == 1


def test_requests_that_overlap_are_in_flight_together() -> None:
    assert most_in_flight(admitted_at(0, 500, 2000, for_us=1000)) == 2
    assert most_in_flight(admitted_at(0, 1000, for_us=1000)) == 1


def test_what_is_allowed_is_what_one_bucket_would_admit_of_what_was_sent() -> None:
    tenant = Tenant("one", Group.STEADY, (TEN_A_SECOND,), 1.0)
    assert allowed(tenant, sent_at(*[0] * 30)) == 20
    assert allowed(tenant, sent_at(*[0] * 30, SECOND_US)) == 21


def test_slots_admit_what_comes_when_one_is_free() -> None:
    tenant = Tenant("one", Group.SLOTS, (Concurrency(1),), 1.0)
    assert allowed(tenant, sent_at(0, SECOND_US // 2, SECOND_US)) == 2


def test_of_a_request_that_was_broken_off_a_part_is_given() -> None:
    tenant = Tenant("one", Group.SLOTS, (Concurrency(1),), 1.0)
    admitted = admitted_at(0, for_us=SECOND_US // 4) + admitted_at(SECOND_US, for_us=SECOND_US)
    logs = Logs(admitted, sent_at(0, 1, SECOND_US), unexplained=0, answers=Counter())
    (verdict,) = judge([tenant], logs)
    assert (verdict.allowed, verdict.given) == (2, 1.25)


def test_a_broken_limit_is_told_with_the_tenant() -> None:
    tenant = Tenant("greedy", Group.SLOTS, (Concurrency(1),), 1.0)
    logs = Logs(admitted_at(0, 1), sent_at(0, 1), unexplained=0, answers=Counter())
    (verdict,) = judge([tenant], logs)
    assert verdict.broken == ["greedy: 1 more in flight than 1"]
