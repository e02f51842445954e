"""Leases of the dead end at once, and of nobody else."""

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.limits import Budget, Concurrency, Limit, Period
from gateway.quotas import reaper
from gateway.quotas.decisions import Refusal, Reservation, Waiting
from gateway.quotas.held_file import HeldFile
from gateway.quotas.holding import Holding
from gateway.quotas.policies import Policies
from gateway.quotas.protocol import LAST, MAX_ASKS, Answer, Kind, Renewal, kind_of
from gateway.quotas.reaper import RETRY_S, Reaper, last_words
from gateway.quotas.renewing import Renewing
from gateway.quotas.sqlite_store import SqliteStore
from tests.gateway.quotas.builders import limit
from tests.gateway.quotas.world import SECOND_US, World

ONE = (1, 1, 100, 10)
SLOTS = limit(Concurrency(1))


class FakeStore:
    """Answers or not, and remembers what it was asked."""

    def __init__(self) -> None:
        self.is_there = True
        # For this tenant it never is.
        self.broken_tenant = ""
        self.asked: list[Renewal] = []
        self.most_asks = 0

    async def renew(self, renewals: Sequence[Renewal]) -> Sequence[Answer | None]:
        self.most_asks = max(self.most_asks, sum(len(renewal.asks) for renewal in renewals))
        self.asked += renewals
        return [self._answer(renewal) for renewal in renewals]

    def _answer(self, renewal: Renewal) -> Answer | None:
        if not self.is_there or renewal.tenant == self.broken_tenant:
            return None
        return Answer(number=LAST, given=())

    @property
    def holders(self) -> list[str]:
        return [renewal.holder for renewal in self.asked]

    async def close(self) -> None: ...


def leave(folder: Path, holder: str, limits: Sequence[Limit]) -> None:
    """What a killed worker leaves."""
    held = HeldFile(folder, holder)
    for one in limits:
        held.note(Holding(one))
    held.close()


def make_older(path: Path, by_s: int) -> None:
    then_s = time.time() - by_s
    os.utime(path, (then_s, then_s))


class Looking:
    """A reaper, its store, and the time."""

    def __init__(self, folder: Path) -> None:
        self.store = FakeStore()
        self.now_s = 100.0
        self._reaper = Reaper(folder, self.store, lambda: self.now_s)

    def look(self) -> list[str]:
        """Whose last words were spoken."""
        before = len(self.store.asked)
        asyncio.run(self._reaper.reap())
        return self.store.holders[before:]


async def admit(quotas: Renewing) -> Reservation | Refusal:
    decided: asyncio.Future[Reservation | Refusal] = asyncio.get_running_loop().create_future()
    allowance = quotas.holder.allowances.of((SLOTS,), "mnist")
    outcome = quotas.holder.admit(allowance, ONE, decided.set_result)
    return await decided if isinstance(outcome, Waiting) else outcome


def test_the_slot_of_a_dead_worker_is_free_and_that_of_a_slow_one_is_not(tmp_path: Path) -> None:
    async def test() -> None:
        holders = [HeldFile(tmp_path, name) for name in ("one", "other")]
        stores = [await SqliteStore.open(tmp_path / "quotas.db") for _ in holders]
        one, other = (
            Renewing(store, Policies(), held) for store, held in zip(stores, holders, strict=True)
        )
        for quotas in (one, other):
            quotas.start()
        assert isinstance(await admit(one), Reservation)
        looking = Reaper(tmp_path, stores[1], time.monotonic)
        await looking.reap()
        assert isinstance(await admit(other), Refusal)
        # Its locks go, as when it is killed; nothing is returned.
        assert holders[0]._file is not None
        os.close(holders[0]._file)
        reaping = asyncio.create_task(looking.run())
        async with asyncio.timeout(10):
            while not isinstance(await admit(other), Reservation):
                await asyncio.sleep(0.01)
        reaping.cancel()
        assert not (tmp_path / "one.leases").exists()
        await other.close()

    asyncio.run(test())


def test_what_a_dead_one_said_before_comes_too_late() -> None:
    world = World((SLOTS,), workers=2)
    dead, other = world.workers
    dead.request(ONE)
    dead.exchange()
    world.pass_us(SECOND_US)
    dead.holder.beat()
    late = dead.send()
    world.reap(dead)
    for renewal in late:
        assert world.store.renew(renewal).given[0].is_lost
    other.request(ONE)
    other.exchange()
    assert len(other.in_flight) == 1


def test_what_a_dead_one_had_of_a_budget_counts_as_used() -> None:
    world = World((limit(Budget(100, Period.DAY)),), workers=2)
    dead, other = world.workers
    for _ in range(10):
        dead.request(ONE)
    dead.exchange()
    account = world.store.account(world.limits[0])
    assert account is not None
    out = account.out()
    world.reap(dead)
    for _ in range(100):
        other.request(ONE)
        other.exchange()
    assert len(other.in_flight) == 100 - out


def test_a_store_that_is_away_is_asked_again(tmp_path: Path) -> None:
    for holder in "ab":
        leave(tmp_path, holder, [SLOTS])
    looking = Looking(tmp_path)
    looking.store.is_there = False
    assert looking.look() == ["a", "b"]
    assert looking.look() == []
    looking.store.is_there = True
    looking.now_s += RETRY_S
    assert looking.look() == ["a", "b"]
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_is_away_is_not_asked_for_the_rest(tmp_path: Path) -> None:
    leave(tmp_path, "a", [replace(SLOTS, id=str(number)) for number in range(3 * MAX_ASKS)])
    looking = Looking(tmp_path)
    looking.store.is_there = False
    assert looking.look() == ["a"]


def test_a_tenant_that_cannot_be_asked_for_keeps_back_no_other(tmp_path: Path) -> None:
    limits = [replace(SLOTS, tenant=tenant) for tenant in ("broken", "sound")]
    for holder in "ab":
        leave(tmp_path, holder, limits if holder == "a" else [SLOTS])
    looking = Looking(tmp_path)
    looking.store.broken_tenant = "broken"
    assert looking.look() == ["a", "a", "b"]
    assert [path.name for path in tmp_path.iterdir()] == ["a.leases"]


def test_a_file_that_cannot_be_read_is_said_once_and_keeps_back_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.leases").mkdir()
    looking = Looking(tmp_path)
    looking.look()
    # Who dies meanwhile is seen by the next look, not when that one is tried again.
    leave(tmp_path, "b", [SLOTS])
    assert looking.look() == ["b"]
    looking.now_s += RETRY_S
    assert looking.look() == []
    assert capsys.readouterr().out.count("leases_not_ended") == 1


def test_a_folder_that_cannot_be_listed_is_said_once_and_looked_at_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_folder: Path) -> list[Path]:
        raise OSError(24, "Too many open files")

    leave(tmp_path, "a", [SLOTS])
    looking = Looking(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(reaper, "left_behind", refuse)
        for _ in range(2):
            assert looking.look() == []
    assert looking.look() == ["a"]
    assert capsys.readouterr().out.count("leases_not_ended") == 1


@pytest.mark.parametrize("ago_s", [300, 590])
def test_very_light_leases_of_one_that_has_long_been_dead_are_ended(
    tmp_path: Path, ago_s: int
) -> None:
    """All workers of the machine may have been away till now."""
    leave(tmp_path, "a", [SLOTS])
    make_older(tmp_path / "a.leases", ago_s)
    assert Looking(tmp_path).look() == ["a"]


def test_leases_that_are_over_are_not_ended_once_more(tmp_path: Path) -> None:
    """Their measures may be those of long ago, and a store would count by them."""
    leave(tmp_path, "a", [SLOTS])
    make_older(tmp_path / "a.leases", 603)
    assert Looking(tmp_path).look() == []
    assert list(tmp_path.iterdir()) == []


def test_many_leases_are_ended_in_parts_and_slots_first(tmp_path: Path) -> None:
    budget = limit(Budget(100, Period.DAY))
    tenants = [f"tenant-{number}" for number in range(100)]
    budgets = [replace(budget, id=name, tenant=one) for one in tenants for name in "xyz"]
    leave(tmp_path, "a", budgets + [replace(SLOTS, tenant=one) for one in tenants])
    looking = Looking(tmp_path)
    looking.look()
    asks = [ask for renewal in looking.store.asked for ask in renewal.asks]
    assert len(asks) == 400
    assert {kind_of(ask.limit) for ask in asks[:100]} == {Kind.CONCURRENCY}
    assert all({ask.limit.tenant for ask in r.asks} == {r.tenant} for r in looking.store.asked)
    assert looking.store.most_asks == MAX_ASKS


def test_last_words_are_above_all_that_a_holder_counts_and_want_nothing() -> None:
    limits = [replace(SLOTS, id=str(number)) for number in range(MAX_ASKS)]
    (renewal,) = last_words("a", limits)
    assert (renewal.tenant, renewal.holder, renewal.number) == ("acme", "a", 2**53 - 1)
    assert {(ask.epoch, ask.granted, ask.needs, ask.wants) for ask in renewal.asks} == {
        (2**53 - 1, 0, 0, 0)
    }
