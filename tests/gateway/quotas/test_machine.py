"""The two promises hold whatever happens: never over a rate, never over a budget."""

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from gateway.limits import Limit
from gateway.quotas.accounts import account_key
from gateway.quotas.holding import Costs
from gateway.quotas.ledger import Account, Lease, Now
from gateway.quotas.outage import Policies
from gateway.quotas.protocol import LIGHT, VERY_LIGHT, Answer, Ask, Renewal
from gateway.quotas.sqlite_store import SqliteStore
from tests.gateway.quotas.machine import QuotaMachine, costs, which
from tests.gateway.quotas.world import SECOND_US, Clock

# About when light and very light leases end.
ENDS_US = [seconds * SECOND_US for seconds in (59, 61, 593, 601, 607)]


@pytest.fixture(autouse=True)
def _without_logs() -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield


def run(machine: type[QuotaMachine], examples: int) -> None:
    # A failure of fifty steps is made smaller for minutes; `Phase.shrink` does it where wanted.
    phases = [Phase.explicit, Phase.reuse, Phase.generate]
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=50,
            deadline=None,
            phases=phases,
            suppress_health_check=checks,
        ),
    )


def test_nothing_is_ever_over() -> None:
    run(QuotaMachine, 150)


class WithLongLeases(QuotaMachine):
    """Light and very light ones of little: they hold all of it, and end where it is used up."""

    @rule(who=which, costs=costs, span_us=st.sampled_from(ENDS_US))
    def one_asks_where_leases_have_ended(self, who: int, costs: Costs, span_us: int) -> None:
        self.world.pass_us(span_us)
        self._worker(who).request(costs)
        self._converse(self._worker(who))


def nearly_always_long(
    _: Account[Any], _measure: object, _lease: Lease, ask: Ask, _now: Now
) -> int:
    """Whatever is left; now and then not, and of who wants nothing never."""
    return (1, VERY_LIGHT, VERY_LIGHT, LIGHT, VERY_LIGHT)[ask.wants % 5]


def test_nothing_is_ever_over_with_long_leases_of_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Account, "_stretch", nearly_always_long)
    run(WithLongLeases, 180)


class ByShares(QuotaMachine):
    """While the store is away rates go on by shares: of three workers, and the store's own."""

    policies = Policies()
    most_times = 4


def test_while_the_store_is_away_budgets_hold_and_rates_are_shared() -> None:
    run(ByShares, 50)


class FileStore:
    """The real store, which the world looks into."""

    def __init__(self, clock: Clock) -> None:
        self.operations = 0
        self._clock = clock
        self._folder = tempfile.TemporaryDirectory()
        self._boots = 0
        self._open()

    def _open(self) -> None:
        self._boots += 1
        path = Path(self._folder.name) / "quotas.db"
        self._store = asyncio.run(SqliteStore.open(path, self._clock.now, f"boot_{self._boots}"))

    def renew(self, renewal: Renewal) -> Answer:
        self.operations += 1
        (answer,) = self._store._renew([renewal])
        assert answer is not None
        return answer

    def account(self, limit: Limit) -> Account[Any] | None:
        return self._store._load(account_key(limit))

    def reboot(self) -> None:
        asyncio.run(self._store.close())
        self._open()

    def close(self) -> None:
        asyncio.run(self._store.close())
        self._folder.cleanup()


class WithAFile(QuotaMachine):
    """As it is, with the store of one machine."""

    new_store = FileStore

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.store.close()


def test_nothing_is_ever_over_with_the_store_of_one_machine() -> None:
    run(WithAFile, 15)
