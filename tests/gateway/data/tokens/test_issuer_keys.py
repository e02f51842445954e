"""The keys of an issuer over time: refreshed, shared, kept while it is down, seldom asked for."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.data.tokens import issuer_keys
from gateway.data.tokens.faults import Refused
from gateway.data.tokens.fetch import KeyFetcher
from gateway.data.tokens.issuer_keys import (
    COOLDOWN_S,
    MAX_UNKNOWN,
    REFRESH_S,
    RETRY_S,
    STALE_S,
    IssuerKeys,
)
from gateway.errors import IssuerUnavailable
from gateway.jwt_issuers import parse_issuers
from tests.gateway.data.tokens.jwks_server import JwksServer, answer, serving
from tests.gateway.data.tokens.signing import document, ec_signer, issuers_text, rsa_signer
from tests.gateway.helpers import Clock, run, until

OLD, NEW = rsa_signer("old"), rsa_signer("new")


class Issuer:
    """An issuer's server, its keys as the gateway holds them, and the time."""

    def __init__(self, server: JwksServer, fetcher: KeyFetcher) -> None:
        self.server = server
        self.clock = Clock()
        (told,) = parse_issuers(issuers_text(server.url))
        self.keys = IssuerKeys(told, fetcher.fetch, self.clock.seconds)

    async def knows(self, kid: str) -> bool:
        try:
            await self.keys.find(kid, "RS256")
        except Refused:
            return False
        return True


def with_issuer(folder: Path, test: Callable[[Issuer], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with serving(folder, document(OLD)) as server:
            fetcher = KeyFetcher()
            issuer = Issuer(server, fetcher)
            try:
                await test(issuer)
            finally:
                await issuer.keys.close()
                await fetcher.close()

    run(whole)


def test_keys_are_fetched_once_and_then_known(tmp_path: Path) -> None:
    async def test(issuer: Issuer) -> None:
        assert await issuer.knows("old")
        assert await issuer.knows("old")
        assert len(issuer.server.requests) == 1

    with_issuer(tmp_path, test)


def test_calls_at_one_time_share_a_fetch_even_if_the_first_caller_leaves(tmp_path: Path) -> None:
    async def test(issuer: Issuer) -> None:
        issuer.server.may_answer.clear()
        first, *others = [asyncio.create_task(issuer.knows("old")) for _ in range(5)]
        await until(lambda: bool(issuer.server.requests))
        first.cancel()
        issuer.server.may_answer.set()
        assert await asyncio.gather(*others) == [True] * 4
        assert len(issuer.server.requests) == 1

    with_issuer(tmp_path, test)


def test_a_new_key_is_found_when_a_token_names_it(tmp_path: Path) -> None:
    async def test(issuer: Issuer) -> None:
        assert await issuer.knows("old")
        issuer.server.publish(document(OLD, NEW))
        issuer.clock.now_s += COOLDOWN_S
        assert await issuer.knows("new")
        assert await issuer.knows("old")

    with_issuer(tmp_path, test)


def test_a_flood_of_unknown_kids_makes_one_fetch_per_cooldown(tmp_path: Path) -> None:
    async def test(issuer: Issuer) -> None:
        assert await issuer.knows("old")
        for round_ in range(1, 4):
            issuer.clock.now_s += COOLDOWN_S
            found = await asyncio.gather(*(issuer.knows(f"{round_}-{n}") for n in range(200)))
            found += [await issuer.knows(f"late-{round_}-{n}") for n in range(200)]
            assert not any(found)
            assert len(issuer.server.requests) == 1 + round_
        assert await issuer.knows("old")

    with_issuer(tmp_path, test)


def test_an_unknown_kid_is_not_asked_about_again_soon(tmp_path: Path) -> None:
    async def test(issuer: Issuer) -> None:
        assert await issuer.knows("old")
        for _ in range(9):
            issuer.clock.now_s += COOLDOWN_S
            assert not await issuer.knows("gone")
        assert len(issuer.server.requests) == 2

    with_issuer(tmp_path, test)


def test_a_kid_is_asked_about_again_if_the_issuer_could_not_answer(tmp_path: Path) -> None:
    async def test(issuer: Issuer) -> None:
        assert await issuer.knows("old")
        issuer.server.raw = answer(b"", "500 Oops")
        issuer.clock.now_s += COOLDOWN_S
        assert not await issuer.knows("new")
        issuer.server.publish(document(NEW))
        issuer.clock.now_s += COOLDOWN_S
        assert await issuer.knows("new")

    with_issuer(tmp_path, test)


def test_unknown_kids_that_are_remembered_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuer_keys, "MAX_UNKNOWN", 2)

    async def test(issuer: Issuer) -> None:
        assert await issuer.knows("old")
        for kid in ("a", "b", "c", "c", "a"):
            issuer.clock.now_s += COOLDOWN_S
            assert not await issuer.knows(kid)
        # "c" was remembered, "a" had made room.
        assert len(issuer.server.requests) == 5

    assert MAX_UNKNOWN == 1000
    with_issuer(tmp_path, test)


@pytest.mark.parametrize(
    "raw",
    [
        answer(b"", "500 Oops"),
        answer(b"", "302 Found", "Location: /\r\n"),
        answer(b"<html>"),
        answer(b'{"keys": []}'),
        answer(document(NEW, NEW)),
        answer(document(ec_signer())),
        b"garbage\r\n\r\n",
    ],
)
def test_a_failed_refresh_keeps_the_keys(tmp_path: Path, raw: bytes) -> None:
    async def test(issuer: Issuer) -> None:
        assert await issuer.knows("old")
        issuer.server.raw = raw
        issuer.clock.now_s += REFRESH_S
        with capture_logs() as logs:
            await issuer.keys.refresh()
        assert [log["event"] for log in logs] == ["issuer_keys_unreadable"]
        assert logs[0]["kept_s"] == REFRESH_S
        assert await issuer.knows("old")

    with_issuer(tmp_path, test)


def test_a_fault_of_any_kind_keeps_the_keys() -> None:
    async def whole() -> None:
        async def fetch(url: str) -> bytes:
            fetched.append(url)
            if len(fetched) > 1:
                raise RuntimeError("out of luck")
            return document(OLD)

        fetched: list[str] = []
        (told,) = parse_issuers(issuers_text("https://id.example.com/jwks.json"))
        keys = IssuerKeys(told, fetch, Clock().seconds)
        await keys.refresh()
        with capture_logs() as logs:
            await keys.refresh()
        assert logs[0]["reason"] == "RuntimeError: out of luck"
        assert await keys.find("old", "RS256")

    run(whole)


def test_a_key_that_the_issuer_took_back_goes_with_the_next_refresh(tmp_path: Path) -> None:
    async def test(issuer: Issuer) -> None:
        assert await issuer.knows("old")
        issuer.server.publish(document(NEW))
        await issuer.keys.refresh()
        assert not await issuer.knows("old")
        assert await issuer.knows("new")

    with_issuer(tmp_path, test)


def test_a_token_for_another_alg_of_a_known_key_causes_no_fetch(tmp_path: Path) -> None:
    async def test(issuer: Issuer) -> None:
        assert await issuer.knows("old")
        issuer.clock.now_s += COOLDOWN_S
        with pytest.raises(Refused, match="another alg"):
            await issuer.keys.find("old", "ES256")
        with pytest.raises(Refused, match="no kid"):
            await issuer.keys.find(None, "ES256")
        assert len(issuer.server.requests) == 1

    with_issuer(tmp_path, test)


def test_without_any_keys_the_answer_is_503_and_the_issuer_is_left_in_peace(
    tmp_path: Path,
) -> None:
    async def test(issuer: Issuer) -> None:
        issuer.server.raw = answer(b"", "500 Oops")
        for _ in range(3):
            with pytest.raises(IssuerUnavailable, match="try again"):
                await issuer.knows("old")
        assert len(issuer.server.requests) == 1
        issuer.server.publish(document(OLD))
        issuer.clock.now_s += RETRY_S
        assert await issuer.knows("old")

    with_issuer(tmp_path, test)


def test_keys_outlive_the_issuer_for_a_day(tmp_path: Path) -> None:
    async def test(issuer: Issuer) -> None:
        assert await issuer.knows("old")
        issuer.server.raw = answer(b"", "500 Oops")
        issuer.clock.now_s += STALE_S
        assert await issuer.knows("old")
        issuer.clock.now_s += 1
        with pytest.raises(IssuerUnavailable):
            await issuer.knows("old")

    with_issuer(tmp_path, test)


def test_keys_are_refreshed_ahead_of_need_and_sooner_after_a_failure(tmp_path: Path) -> None:
    async def test(issuer: Issuer) -> None:
        waits_s: list[float] = []
        wake = asyncio.Event()

        async def sleep(seconds: float) -> None:
            waits_s.append(seconds)
            wake.clear()
            await wake.wait()

        refreshing = asyncio.create_task(issuer.keys.keep_fresh(sleep))
        await until(lambda: len(waits_s) == 1)
        issuer.server.raw = answer(b"", "500 Oops")
        wake.set()
        await until(lambda: len(waits_s) == 2)
        issuer.server.publish(document(NEW))
        wake.set()
        await until(lambda: len(waits_s) == 3)
        refreshing.cancel()
        assert waits_s == [REFRESH_S, RETRY_S, REFRESH_S]
        assert await issuer.knows("new")

    with_issuer(tmp_path, test)


def test_the_log_of_an_issuer_that_is_down_is_not_flooded(tmp_path: Path) -> None:
    async def test(issuer: Issuer) -> None:
        issuer.server.raw = answer(b"", "500 Oops")
        with capture_logs() as logs:
            for _ in range(13):
                await issuer.keys.refresh()
                issuer.clock.now_s += RETRY_S
        assert len(logs) == 3
        assert logs[0]["reason"] == "the answer is 500, not 200"
        assert logs[0]["kept_s"] is None

    with_issuer(tmp_path, test)


def test_closing_ends_a_fetch_under_way(tmp_path: Path) -> None:
    async def test(issuer: Issuer) -> None:
        issuer.server.may_answer.clear()
        asking = asyncio.create_task(issuer.knows("old"))
        await until(lambda: bool(issuer.server.requests))
        await issuer.keys.close()
        with pytest.raises(asyncio.CancelledError):
            await asking

    with_issuer(tmp_path, test)
