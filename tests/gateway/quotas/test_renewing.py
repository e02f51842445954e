"""Renewals on their way, on a real event loop."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import pytest

from gateway.limits import Budget, Concurrency, Limit, Period
from gateway.quotas import renewing
from gateway.quotas.accounts import account_key, new_account
from gateway.quotas.decisions import Reason, Refusal, Reservation, Waiting
from gateway.quotas.ledger import Account
from gateway.quotas.outage import Policies
from gateway.quotas.protocol import Answer, Renewal
from gateway.quotas.renewing import Renewing
from gateway.quotas.sqlite_store import read_clocks
from tests.gateway.compiled import needs_sources
from tests.gateway.quotas.builders import limit
from tests.gateway.quotas.held import HeldInMemory

ONE = (1, 1, 100, 10)
LIMITS = (limit(Budget(100, Period.DAY)),)


class FakeStore:
    """In memory; it may be slow, or closed."""

    def __init__(self, delay: Callable[[], Awaitable[object]] | None = None) -> None:
        self.batches: list[Sequence[Renewal]] = []
        self.is_closed = False
        self.accounts: dict[str, Account[object]] = {}
        self._delay = delay

    async def renew(self, renewals: Sequence[Renewal]) -> Sequence[Answer | None]:
        self.batches.append(renewals)
        if self._delay is not None:
            await self._delay()
        return [self._answer(renewal) for renewal in renewals]

    def _answer(self, renewal: Renewal) -> Answer:
        now = read_clocks()
        given = []
        for ask in renewal.asks:
            account = self.accounts.setdefault(account_key(ask.limit), new_account(ask.limit, now))
            given.append(account.renew(ask.limit.measure, renewal.holder, renewal.number, ask, now))
        return Answer(number=renewal.number, given=tuple(given))

    async def close(self) -> None:
        self.is_closed = True


async def decide(quotas: Renewing, limits: tuple[Limit, ...] = LIMITS) -> Reservation | Refusal:
    """A request, as the data plane makes it."""
    decided: asyncio.Future[Reservation | Refusal] = asyncio.get_running_loop().create_future()
    allowance = quotas.holder.allowances.of(limits, "mnist")
    outcome = quotas.holder.admit(allowance, ONE, decided.set_result)
    return await decided if isinstance(outcome, Waiting) else outcome


def test_who_waits_for_a_slot_is_looked_after_between_beats(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Its first beat is its last.
    monkeypatch.setattr(renewing, "BEAT_S", 3600)

    async def run() -> None:
        store, limits = FakeStore(), (limit(Concurrency(1)),)
        one, other = (Renewing(store, Policies(), HeldInMemory(name)) for name in "ab")
        for quotas in (one, other):
            quotas.start()
        held = await decide(one, limits)
        assert isinstance(held, Reservation)
        waiting = asyncio.create_task(decide(other, limits))
        while not other.holder.is_hopeful:
            await asyncio.sleep(0)
        one.holder.settle(held, ONE)
        one.holder.close()
        one._wake()
        assert isinstance(await waiting, Reservation)
        for quotas in (one, other):
            await quotas.close()

    asyncio.run(run())


def test_requests_of_one_turn_of_the_loop_share_one_operation() -> None:
    async def run() -> None:
        store = FakeStore()
        quotas = Renewing(store, Policies(), HeldInMemory())
        quotas.start()
        outcomes = await asyncio.gather(*(decide(quotas) for _ in range(50)))
        assert all(isinstance(outcome, Reservation) for outcome in outcomes)
        assert [len(batch) for batch in store.batches] == [1]
        await quotas.close()

    asyncio.run(run())


def test_a_slow_store_is_a_store_that_is_away() -> None:
    async def run() -> None:
        store = FakeStore(delay=asyncio.Event().wait)
        quotas = Renewing(store, Policies(), HeldInMemory(), timeout_s=0.01)
        quotas.start()
        outcome = await decide(quotas)
        assert isinstance(outcome, Refusal)
        assert outcome.reason is Reason.STORE_AWAY
        await quotas.close()

    asyncio.run(run())


def test_what_is_held_is_returned_when_it_closes() -> None:
    async def run() -> None:
        store, held = FakeStore(), HeldInMemory()
        quotas = Renewing(store, Policies(), held)
        quotas.start()
        for _ in range(10):
            await decide(quotas)
        await quotas.close()
        assert held.is_closed and not held.limits
        (account,) = store.accounts.values()
        assert account.spare(LIMITS[0].measure) == 90
        assert store.is_closed

    asyncio.run(run())


@needs_sources
def test_a_fault_does_not_end_the_renewing() -> None:
    async def test() -> None:
        store = FakeStore()
        renewing = Renewing(store, Policies(), HeldInMemory())
        heard = renewing.holder.heard
        faults = 0

        def faulty(answer: Answer) -> None:
            nonlocal faults
            faults += 1
            if faults == 1:
                raise RuntimeError("ours")
            heard(answer)

        renewing.holder.heard = faulty  # type: ignore[method-assign]
        renewing.start()
        for name in ("lost", "served"):
            limits = (replace(LIMITS[0], id=name),)
            allowance = renewing.holder.allowances.of(limits, "m")
            decided: asyncio.Future[object] = asyncio.get_running_loop().create_future()
            assert isinstance(renewing.holder.admit(allowance, ONE, decided.set_result), Waiting)
            outcome = await asyncio.wait_for(decided, 10)
        assert isinstance(outcome, Reservation)
        await renewing.close()

    asyncio.run(test())


def test_a_fault_of_the_store_does_not_end_the_asking() -> None:
    faults = 0

    async def fail_once() -> None:
        nonlocal faults
        faults += 1
        if faults == 1:
            raise RuntimeError("ours")

    async def run() -> None:
        quotas = Renewing(FakeStore(delay=fail_once), Policies(), HeldInMemory())
        quotas.start()
        outcome = await decide(quotas)
        while isinstance(outcome, Refusal):
            assert outcome.reason is Reason.STORE_AWAY
            await asyncio.sleep(0.01)
            outcome = await decide(quotas)
        await quotas.close()

    async def within_patience() -> None:
        await asyncio.wait_for(run(), 10)

    asyncio.run(within_patience())


def test_a_fault_of_one_answer_leaves_the_others_heard() -> None:
    async def run() -> None:
        quotas = Renewing(FakeStore(), Policies(), HeldInMemory())

        def fault(outcome: object) -> None:
            raise RuntimeError("ours")

        decided: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        for tenant, on_decided in (("one", fault), ("other", decided.set_result)):
            limits = (replace(LIMITS[0], id=tenant, tenant=tenant),)
            allowance = quotas.holder.allowances.of(limits, "m")
            assert isinstance(quotas.holder.admit(allowance, ONE, on_decided), Waiting)
        quotas.start()
        assert isinstance(await asyncio.wait_for(decided, 10), Reservation)
        await quotas.close()

    asyncio.run(run())
