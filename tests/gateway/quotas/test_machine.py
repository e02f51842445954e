"""The two promises hold whatever happens: never over a rate, never over a budget."""

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from gateway.limits import Limit
from gateway.quotas.accounts import account_key
from gateway.quotas.ledger import Account
from gateway.quotas.outage import Policies
from gateway.quotas.protocol import Answer, Renewal
from gateway.quotas.sqlite_store import SqliteStore
from tests.gateway.quotas.machine import QuotaMachine
from tests.gateway.quotas.world import Clock


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
