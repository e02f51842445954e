"""Fetching an issuer's keys from a real https server that is slow, huge, false or gone."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from gateway.data.tokens.faults import KeysUnreadable
from gateway.data.tokens.fetch import MAX_DOCUMENT_BYTES, KeyFetcher
from tests.gateway.data.tokens.jwks_server import JwksServer, answer, serving
from tests.gateway.helpers import PATIENCE_S, run


def with_server(
    folder: Path, test: Callable[[JwksServer, KeyFetcher], Awaitable[None]], timeout_s: float = 5
) -> None:
    async def whole() -> None:
        async with serving(folder, b"{}") as server:
            fetcher = KeyFetcher(timeout_s)
            try:
                await test(server, fetcher)
            finally:
                await fetcher.close()

    run(whole)


def test_the_document_is_fetched_plainly(tmp_path: Path) -> None:
    async def test(server: JwksServer, fetcher: KeyFetcher) -> None:
        server.publish(b'{"keys": []}')
        assert await fetcher.fetch(server.url) == b'{"keys": []}'
        assert b"accept-encoding: identity" in server.requests[0].lower()

    with_server(tmp_path, test)


def test_an_authority_that_is_not_known_is_not_trusted(tmp_path: Path) -> None:
    async def whole() -> None:
        fetcher = KeyFetcher()
        async with serving(tmp_path, b"{}") as server:
            with pytest.raises(KeysUnreadable, match="CERTIFICATE_VERIFY_FAILED"):
                await fetcher.fetch(server.url)
        await fetcher.close()

    run(whole)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (answer(b"", "302 Found", "Location: /other\r\n"), "302, not 200; redirects are not"),
        (answer(b"{}", "404 Not Found"), "is 404, not 200"),
        (answer(b"{}", "500 Oops"), "is 500, not 200"),
        (answer(b"{}", fields="Content-Encoding: gzip\r\n"), "compressed"),
        (answer(b" " * (MAX_DOCUMENT_BYTES + 1)), "larger than 262144 bytes"),
        (b"garbage\r\n\r\n", "RemoteProtocolError"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}", "RemoteProtocolError"),
        (b"", "RemoteProtocolError"),
    ],
)
def test_an_answer_that_is_not_the_document_is_refused(
    tmp_path: Path, raw: bytes, reason: str
) -> None:
    async def test(server: JwksServer, fetcher: KeyFetcher) -> None:
        server.raw = raw
        with pytest.raises(KeysUnreadable, match=reason):
            await fetcher.fetch(server.url)
        assert len(server.requests) == 1

    with_server(tmp_path, test)


def test_a_document_of_the_largest_size_is_taken(tmp_path: Path) -> None:
    async def test(server: JwksServer, fetcher: KeyFetcher) -> None:
        server.publish(b" " * MAX_DOCUMENT_BYTES)
        assert len(await fetcher.fetch(server.url)) == MAX_DOCUMENT_BYTES

    with_server(tmp_path, test)


def test_an_endless_document_is_given_up_at_the_limit(tmp_path: Path) -> None:
    async def test(server: JwksServer, fetcher: KeyFetcher) -> None:
        server.raw, server.endless = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", True
        with pytest.raises(KeysUnreadable, match="larger than"):
            await fetcher.fetch(server.url)

    with_server(tmp_path, test)


def test_a_server_that_says_nothing_is_given_up(tmp_path: Path) -> None:
    async def test(server: JwksServer, fetcher: KeyFetcher) -> None:
        server.may_answer.clear()
        with pytest.raises(KeysUnreadable, match=r"did not come within 0.2 s"):
            await fetcher.fetch(server.url)

    with_server(tmp_path, test, timeout_s=0.2)


def test_a_server_that_drips_is_given_up(tmp_path: Path) -> None:
    async def test(server: JwksServer, fetcher: KeyFetcher) -> None:
        server.raw, server.endless = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", True
        server.pause_s = 0.01
        async with asyncio.timeout(PATIENCE_S):
            with pytest.raises(KeysUnreadable, match=r"did not come within 0.2 s"):
                await fetcher.fetch(server.url)

    with_server(tmp_path, test, timeout_s=0.2)


def test_a_server_that_is_gone_is_said_so(tmp_path: Path) -> None:
    async def whole() -> None:
        async with serving(tmp_path, b"{}") as server:
            pass
        fetcher = KeyFetcher()
        with pytest.raises(KeysUnreadable, match="ConnectError"):
            await fetcher.fetch(server.url)
        await fetcher.close()

    run(whole)


def test_no_proxy_of_the_environment_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")

    async def test(server: JwksServer, fetcher: KeyFetcher) -> None:
        assert await fetcher.fetch(server.url) == b"{}"

    with_server(tmp_path, test)
