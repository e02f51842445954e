"""A server follows the files of TLS while it runs."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from gateway import tls_following
from gateway.tls import TlsReloader
from gateway.tls_following import follow_tls
from tests.gateway.certificates import client_context, write_pair
from tests.gateway.fake_triton import FakeTriton
from tests.gateway.helpers import get, run, running, until

LIVE = get(b"/v2/health/live", None)


def test_only_authorities_that_are_taken_away_end_connections(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls_following, "POLL_S", 0.01)
    authority, other = trustme.CA(), trustme.CA()
    first, second = authority.cert_pem.bytes(), other.cert_pem.bytes()
    trusted = tmp_path / "clients.pem"
    trusted.write_bytes(first)
    files = TlsReloader(replace(write_pair(authority, tmp_path / "tls"), client_ca=trusted))

    async def test() -> None:
        async with running(FakeTriton(), tls=files.tls.context) as gateway:
            following = asyncio.create_task(follow_tls(gateway.server, files))
            context = client_context(authority, authority.issue_cert("client"))
            client = await gateway.connect(context)
            before = files.tls
            trusted.write_bytes(first + second)
            await until(lambda: files.tls is not before)
            assert (await client.ask(LIVE)).status == 200
            trusted.write_bytes(second)
            assert await client.is_closed()
            following.cancel()

    run(test)
