"""A change of the records reaches a worker within a second; on both kinds of database."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from gateway.data.auth import Authenticator
from gateway.data.peer import Peer
from gateway.data.principal import Principal
from gateway.errors import RecordsUnavailable, Unauthenticated
from gateway.following_records import follow_changes, readable
from gateway.keys import NewKey
from gateway.measures import parse_measure
from gateway.quotas.decisions import Waiting
from gateway.quotas.holder import Holder
from gateway.quotas.policies import Policies
from gateway.records.store import Records
from tests.gateway.postgresql import PostgresqlServer
from tests.gateway.quotas.held import HeldInMemory
from tests.gateway.quotas.world import Clock, FakeStore

PEER = Peer("192.0.2.7")
EIGHT, NINE = parse_measure(concurrency=8), parse_measure(concurrency=9)


@dataclass
class Worker:
    """What a worker knows of keys, following records that others change."""

    records: Records
    authenticator: Authenticator
    holder: Holder

    async def ask(self, token: str) -> Principal | None:
        """The principal, or None for a token that is refused."""
        try:
            known = self.authenticator.known(token.encode(), PEER)
            return known or await self.authenticator.look_up(token.encode(), PEER)
        except Unauthenticated:
            return None

    async def sees(self, token: str, condition: Callable[[Principal | None], bool]) -> None:
        """Wait until it holds, for a second."""
        end_s = time.monotonic() + 1
        while not condition(await self.ask(token)):
            assert time.monotonic() < end_s, "not seen within a second"
            await asyncio.sleep(0.01)


@asynccontextmanager
async def _worker(url: str) -> AsyncIterator[Worker]:
    records = Records(url)
    authenticator = Authenticator(readable(records.find_key))
    seen = await records.last_change()
    holder = Holder(HeldInMemory("worker"), time.monotonic_ns, Policies(), lambda: None)
    following = asyncio.create_task(follow_changes(records, authenticator, holder, seen))
    try:
        yield Worker(records, authenticator, holder)
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await records.close()


def _run(url: str, test: Callable[[Worker, Records], Awaitable[None]]) -> None:
    async def run() -> None:
        async with _worker(url) as worker:
            operator = Records(url, actor="cli:alice")
            try:
                await test(worker, operator)
            finally:
                await operator.close()

    asyncio.run(run())


async def _two_keys(url: str) -> tuple[NewKey, NewKey]:
    records = Records(url)
    try:
        return await records.create_key("acme"), await records.create_key("acme")
    finally:
        await records.close()


def _limits(principal: Principal | None) -> set[str]:
    return set() if principal is None else {str(limit.measure) for limit in principal.limits}


def test_limits_of_tenant_and_key_reach_the_worker(database_url: str) -> None:
    async def test(worker: Worker, operator: Records) -> None:
        new = await operator.create_key("acme")
        assert _limits(await worker.ask(new.token)) == set()
        of_tenant = await operator.create_limit("acme", EIGHT)
        await worker.sees(new.token, lambda it: _limits(it) == {"8 in flight"})
        of_key = await operator.create_limit("acme", parse_measure(budget="5/day"), key_id=new.id)
        await worker.sees(new.token, lambda it: _limits(it) == {"8 in flight", "5/day"})
        await operator.change_limit(of_tenant.id, NINE)
        await worker.sees(new.token, lambda it: _limits(it) == {"9 in flight", "5/day"})
        await operator.remove_limit(of_key.id)
        await worker.sees(new.token, lambda it: _limits(it) == {"9 in flight"})

    _run(database_url, test)


def test_a_disabled_tenant_is_refused_and_an_enabled_one_let_in(database_url: str) -> None:
    async def test(worker: Worker, operator: Records) -> None:
        new, other = await operator.create_key("acme"), await operator.create_key("other")
        assert await worker.ask(new.token) and await worker.ask(other.token)
        await operator.set_tenant_disabled("acme", is_disabled=True)
        await worker.sees(new.token, lambda it: it is None)
        assert await worker.ask(other.token)
        await operator.set_tenant_disabled("acme", is_disabled=False)
        await worker.sees(new.token, lambda it: it is not None)

    _run(database_url, test)


def test_known_keys_go_on_while_postgresql_is_away_and_changes_are_seen_after(
    postgresql: PostgresqlServer,
) -> None:
    url = postgresql.new_database()
    # Before the worker: that they are new is no change that would have it read them again.
    known, unknown = asyncio.run(_two_keys(url))

    async def test(worker: Worker, operator: Records) -> None:
        assert await worker.ask(known.token)
        await asyncio.to_thread(postgresql.stop)
        try:
            assert await worker.ask(known.token)
            with pytest.raises(RecordsUnavailable):
                await worker.ask(unknown.token)
        finally:
            await asyncio.to_thread(postgresql.start)
        assert await worker.ask(unknown.token)
        await operator.revoke_key(known.id)
        await worker.sees(known.token, lambda it: it is None)

    _run(url, test)


def test_what_is_held_of_a_limit_that_changed_is_returned_without_a_request(
    database_url: str,
) -> None:
    async def test(worker: Worker, operator: Records) -> None:
        new = await operator.create_key("acme")
        await worker.sees(new.token, lambda known: known is not None)
        limit = await operator.create_limit("acme", parse_measure(budget="1000000/day"))
        await worker.sees(new.token, lambda known: known is not None and bool(known.limits))
        principal = await worker.ask(new.token)
        assert principal is not None
        allowance = worker.holder.allowances.of(principal.limits, "mnist")
        holder, store = worker.holder, FakeStore(Clock())
        for _ in range(6):
            outcome = holder.admit(allowance, (1, 1, 1, 1), lambda outcome: None)
        renewals = holder.renewals()
        # What it wanted is granted as well.
        assert isinstance(outcome, Waiting)
        holder.leave(outcome)
        for renewal in renewals:
            holder.heard(store.renew(renewal))
        (holding,) = allowance.holdings
        assert holding.free > 0 and not holder.is_due
        await operator.change_limit(limit.id, parse_measure(budget="5/day"))
        await worker.sees(new.token, lambda known: holding.free == 0)
        assert holder.is_due

    _run(database_url, test)
