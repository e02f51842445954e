"""The store in Redis: what is asked is answered, and what becomes of it when Redis is away."""

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from itertools import count
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen

import pytest
import uvloop
from structlog.testing import capture_logs

from gateway.limits import Budget, Period
from gateway.quotas import redis_store
from gateway.quotas.open_redis import open_redis
from gateway.quotas.protocol import Answer, Renewal
from gateway.quotas.redis_store import RedisStore
from gateway.rates import Rate
from tests.gateway.quotas.asks import TEN_SLOTS, ask_of, renewal_of
from tests.gateway.quotas.invariants import most_above_rate
from tests.gateway.redis_server import RedisServer, running_redis
from tests.waiting import wait_until

_tenants = count()


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[RedisStore]:
    store = open_redis(url)
    try:
        yield store
    finally:
        await store.close()


def fresh_renewal() -> Renewal:
    """Of a tenant that nobody else asks for: it gets three slots of ten."""
    return renewal_of(ask_of(TEN_SLOTS, needs=1, wants=3), tenant=f"store-{next(_tenants)}")


def granted(answers: Sequence[Answer | None]) -> list[int | None]:
    return [answer and answer.given[0].granted for answer in answers]


async def ask(store: RedisStore) -> int | None:
    (units,) = granted(await store.renew([fresh_renewal()]))
    return units


def test_each_renewal_gets_its_own_answer_in_order(redis_server: RedisServer) -> None:
    tenant = f"order-{next(_tenants)}"

    async def main() -> None:
        async with opened(redis_server.url) as store:
            renewals = [
                renewal_of(ask_of(TEN_SLOTS, f"l{units}", wants=units), number=units, tenant=tenant)
                for units in range(1, 6)
            ]
            answers = await store.renew(renewals)
            assert granted(answers) == [1, 2, 3, 4, 5]
            assert [answer and answer.number for answer in answers] == [1, 2, 3, 4, 5]

    uvloop.run(main())


def test_a_renewal_without_asks_tells_that_redis_can_be_written_to(
    redis_server: RedisServer,
) -> None:
    async def main() -> None:
        async with opened(redis_server.url) as store:
            assert await store.renew([renewal_of(number=4)]) == [Answer(number=4, given=())]

    asyncio.run(main())


def test_nothing_to_ask_costs_no_command(redis_server: RedisServer) -> None:
    async def main() -> None:
        async with opened("unix:///nowhere/redis.sock") as store:
            with capture_logs() as logs:
                assert await store.renew([]) == []
            assert logs == []

    asyncio.run(main())


def test_what_is_asked_at_once_goes_in_one_pipeline(redis_server: RedisServer) -> None:
    def reads() -> int:
        with redis_server.client() as client:
            return int(client.info("stats")["total_reads_processed"])

    async def main() -> None:
        async with opened(redis_server.url) as store:
            await ask(store)
            before = reads()
            assert await asyncio.gather(*(ask(store) for _ in range(50))) == [3] * 50
            # Two for the pipelines, the rest for looking.
            assert reads() - before < 10

    asyncio.run(main())


def test_more_than_one_pipeline_holds_is_answered_too(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_store, "MAX_RENEWALS", 3)

    async def main() -> None:
        async with opened(redis_server.url) as store:
            assert granted(await store.renew([fresh_renewal() for _ in range(8)])) == [3] * 8

    asyncio.run(main())


def test_a_caller_that_is_cancelled_disturbs_nobody(redis_server: RedisServer) -> None:
    async def main() -> None:
        async with opened(redis_server.url) as store:
            for _ in range(50):
                cancelled = asyncio.create_task(ask(store))
                other = asyncio.create_task(ask(store))
                await asyncio.sleep(0)
                cancelled.cancel()
                assert await other == 3
                assert cancelled.cancelled() or cancelled.done()

    asyncio.run(main())


def test_whoever_waits_while_it_is_closed_is_told(redis_server: RedisServer) -> None:
    async def main() -> None:
        store = open_redis(redis_server.url)
        asked = asyncio.create_task(ask(store))
        await asyncio.sleep(0)
        await store.close()
        assert await asked is None

    asyncio.run(main())


def test_redis_may_forget_the_script(redis_server: RedisServer) -> None:
    async def main() -> None:
        async with opened(redis_server.url) as store:
            assert await ask(store) == 3
            with redis_server.client() as client:
                client.script_flush()
            assert granted(await store.renew([fresh_renewal() for _ in range(5)])) == [3] * 5

    asyncio.run(main())


def test_a_redis_that_runs_no_digests_gets_the_text(tmp_path: Path) -> None:
    async def main(url: str) -> None:
        async with opened(url) as store:
            with capture_logs() as logs:
                assert [await ask(store), await ask(store)] == [3, 3]
            assert [log["event"] for log in logs].count("redis_refuses_evalsha") == 1

    with running_redis(tmp_path, "--rename-command", "EVALSHA", "") as server:
        asyncio.run(main(server.url))


def test_a_redis_that_tells_nothing_of_itself_will_do(tmp_path: Path) -> None:
    async def main(url: str) -> None:
        async with opened(url) as store:
            await store.check()
            assert await ask(store) == 3

    with running_redis(tmp_path, "--rename-command", "INFO", "") as server:
        asyncio.run(main(server.url))


def test_while_redis_is_away_there_is_no_answer_and_when_it_is_back_there_is(
    tmp_path: Path,
) -> None:
    async def main(server: RedisServer) -> None:
        async with opened(server.url) as store:
            assert await ask(store) == 3
            server.kill()
            with capture_logs() as logs:
                assert [await ask(store), await ask(store)] == [None, None]
                server.start()
                assert await ask(store) == 3
            events = [log["event"] for log in logs]
            assert events.count("redis_fails") == 1
            assert events.count("redis_answers") == 1

    with running_redis(tmp_path) as server:
        asyncio.run(main(server))


def test_a_redis_that_was_restarted_between_two_renewals_is_not_missed(tmp_path: Path) -> None:
    async def main(server: RedisServer) -> None:
        async with opened(server.url) as store:
            assert await ask(store) == 3
            server.kill()
            server.start()
            assert await ask(store) == 3

    with running_redis(tmp_path) as server:
        asyncio.run(main(server))


def test_a_slow_redis_costs_a_bounded_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_store, "TIMEOUT_S", 0.05)
    monkeypatch.setattr(redis_store, "LONGEST_S", 0.1)

    async def main(server: RedisServer) -> None:
        async with opened(server.url) as store:
            assert await ask(store) == 3
            with server.client() as client:
                client.client_pause(60_000)
                start_s = time.monotonic()
                assert await asyncio.gather(*(ask(store) for _ in range(20))) == [None] * 20
                assert time.monotonic() - start_s < 1
            server.kill()
            server.start()
            assert await ask(store) == 3

    with running_redis(tmp_path) as server:
        asyncio.run(main(server))


def test_a_redis_that_is_full_gives_no_answer_and_says_why(tmp_path: Path) -> None:
    async def main(server: RedisServer) -> None:
        async with opened(server.url) as store:
            with server.client() as client:
                client.config_set("maxmemory", "1")
            with capture_logs() as logs:
                assert await ask(store) is None
            assert any("maxmemory" in str(log.get("reason")) for log in logs)
            with server.client() as client:
                client.config_set("maxmemory", "0")
            assert await ask(store) == 3

    with running_redis(tmp_path) as server:
        asyncio.run(main(server))


def test_lost_data_are_told_loudly(tmp_path: Path) -> None:
    async def main(server: RedisServer) -> None:
        async with opened(server.url) as store:
            assert await ask(store) == 3
            with server.client() as client:
                client.flushall()
            with capture_logs() as logs:
                assert [await ask(store), await ask(store)] == [3, 3]
            assert [log["event"] for log in logs] == ["redis_lost_its_data"]

    with running_redis(tmp_path) as server:
        asyncio.run(main(server))


def test_a_lease_that_redis_has_forgotten_is_told(redis_server: RedisServer) -> None:
    async def main() -> None:
        async with opened(redis_server.url) as store:
            lost = renewal_of(ask_of(TEN_SLOTS, granted=3), tenant=f"lost-{next(_tenants)}")
            with capture_logs() as logs:
                (answer,) = await store.renew([lost])
            assert answer and answer.given[0].is_lost
            assert [log["event"] for log in logs][-1] == "redis_forgot_a_lease"

    asyncio.run(main())


def test_with_a_log_what_a_budget_has_used_survives_a_crash(tmp_path: Path) -> None:
    budget = Budget(10, Period.MONTH)

    async def main(server: RedisServer) -> None:
        async with opened(server.url) as store:
            await store.renew([renewal_of(ask_of(budget, spent=7))])
            server.kill()
            server.start()
            with capture_logs() as logs:
                (answer,) = await store.renew([renewal_of(ask_of(budget), holder="h2")])
            assert answer and answer.given[0].left == 3
            assert logs == []

    with running_redis(tmp_path, "--appendonly", "yes", "--appendfsync", "always") as server:
        asyncio.run(main(server))


def test_processes_that_ask_at_once_are_never_granted_more_than_there_is(
    redis_server: RedisServer,
) -> None:
    command = [sys.executable, "-m", "tests.gateway.quotas.redis_spender", redis_server.url]
    with ExitStack() as stack:
        spenders = [
            stack.enter_context(Popen([*command, holder], stdin=PIPE, stdout=PIPE, text=True))
            for holder in ("h1", "h2", "h3")
        ]
        for spender in spenders:
            assert spender.stdout is not None and spender.stdout.readline() == "ready\n"
        # All have begun; the end of their input lets them go.
        for spender in spenders:
            assert spender.stdin is not None
            spender.stdin.close()
        outputs = [spender.stdout.read() for spender in spenders if spender.stdout]
    spent = [int(output.splitlines()[-1]) for output in outputs]
    assert sum(spent) == 36_000
    assert min(spent) > 0


def test_neither_a_killed_redis_nor_a_killed_worker_lets_more_through(tmp_path: Path) -> None:
    """Each writes the moment of every admission; what they write is judged together."""
    rate, budget, seconds = Rate(2_000, 1, 500), 7_000, 4
    folder = tmp_path / "redis"
    folder.mkdir()
    with running_redis(folder, "--appendonly", "yes", "--appendfsync", "always") as server:
        settings = [str(seconds), str(rate.amount), str(rate.burst), str(budget)]
        command = [sys.executable, "-m", "tests.gateway.quotas.hammer", str(tmp_path)]
        workers = [
            Popen([*command, settings[0], str(number), *settings[1:], server.url], stdout=DEVNULL)
            for number in range(3)
        ]
        logs = [tmp_path / f"{number}.log" for number in range(3)]
        wait_until(lambda: all(log.exists() and log.stat().st_size for log in logs))
        workers[0].kill()
        server.kill()
        server.start()
        codes = [worker.wait(timeout=60) for worker in workers]
    assert codes == [-signal.SIGKILL, 0, 0]
    moments = sorted(int(line) // 1000 for log in logs for line in log.read_text().split("\n")[:-1])
    assert most_above_rate([(at_us, 1) for at_us in moments], rate) <= 0
    assert budget / 2 < len(moments) <= budget
