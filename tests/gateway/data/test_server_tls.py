"""TLS towards clients: the connection's rules hold over it, and certificates change under it."""

import asyncio
import logging
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import inf
from pathlib import Path

import pytest
import trustme

from gateway.tls import TlsFiles, load_tls
from tests.gateway.certificates import client_context, write_pair
from tests.gateway.fake_triton import FakeTriton
from tests.gateway.helpers import (
    INFER,
    Gateway,
    assert_problem,
    get,
    post,
    run,
    running,
    until,
)
from tests.gateway.keep_alive_load import Load

LIVE = get(b"/v2/health/live", None)
# A client of TLS 1.3 is done with its handshake before the server has seen its certificate; uvloop
# closes without the alert that would say why.
REFUSALS = (OSError, EOFError)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def files(authority: trustme.CA, tmp_path: Path) -> TlsFiles:
    return write_pair(authority, tmp_path)


@pytest.fixture
def mutual(files: TlsFiles, authority: trustme.CA, tmp_path: Path) -> TlsFiles:
    """Client certificates are asked for, and not required."""
    trusted = tmp_path / "clients.pem"
    authority.cert_pem.write_to_path(str(trusted))
    return replace(files, client_ca=trusted)


def _subjects(gateway: Gateway) -> list[str]:
    return [connection.peer.subject for connection in gateway.server._connections]


def test_requests_are_answered_over_tls(files: TlsFiles, authority: trustme.CA) -> None:
    async def test() -> None:
        async with running(FakeTriton(), tls=load_tls(files).context) as gateway:
            client = await gateway.connect(client_context(authority))
            for _ in range(3):
                assert (await client.ask(post(INFER, gateway.token))).status == 200
            tls = client.writer.get_extra_info("ssl_object")
            assert tls.version() == "TLSv1.3"
            assert tls.compression() is None
            assert _subjects(gateway) == [""]

    run(test)


def test_http_1_1_is_agreed_on(files: TlsFiles, authority: trustme.CA) -> None:
    async def test() -> None:
        async with running(FakeTriton(), tls=load_tls(files).context) as gateway:
            context = client_context(authority)
            context.set_alpn_protocols(["h2", "http/1.1"])
            client = await gateway.connect(context)
            tls = client.writer.get_extra_info("ssl_object")
            assert tls.selected_alpn_protocol() == "http/1.1"

    run(test)


def test_tls_1_1_is_refused(files: TlsFiles, authority: trustme.CA) -> None:
    async def test() -> None:
        async with running(FakeTriton(), tls=load_tls(files).context) as gateway:
            context = client_context(authority)
            with pytest.warns(DeprecationWarning):
                context.minimum_version = ssl.TLSVersion.TLSv1_1
                context.maximum_version = ssl.TLSVersion.TLSv1_1
            context.set_ciphers("ALL:@SECLEVEL=0")
            with pytest.raises(OSError):
                await gateway.connect(context)

    run(test)


@pytest.mark.parametrize("junk", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"\0" * 99])
def test_who_speaks_no_tls_is_closed_without_noise(
    files: TlsFiles, junk: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        async with running(FakeTriton(), tls=load_tls(files).context) as gateway:
            client = await gateway.connect()
            await client.send(junk)
            # An alert, perhaps, and the end.
            while await client.read_some():
                pass
            assert gateway.server.open_connections == 0

    with caplog.at_level(logging.WARNING):
        run(test)
    assert not caplog.records


def test_a_handshake_that_stalls_is_ended(
    files: TlsFiles, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        async with running(FakeTriton(), tls=load_tls(files).context, handshake_s=0.1) as gateway:
            client = await gateway.connect()
            await client.send(b"\x16\x03\x01")
            assert await client.is_closed()

    with caplog.at_level(logging.WARNING):
        run(test)
    assert not caplog.records


def test_a_verified_certificate_tells_who_calls(mutual: TlsFiles, authority: trustme.CA) -> None:
    async def test() -> None:
        async with running(FakeTriton(), tls=load_tls(mutual).context) as gateway:
            issued = authority.issue_cert(
                "client",
                common_name='Doe, "J"',
                organization_name="Acme",
                organization_unit_name="R",
            )
            client = await gateway.connect(client_context(authority, issued))
            assert (await client.ask(LIVE)).status == 200
            (subject,) = _subjects(gateway)
            assert r"CN=Doe\, \"J\"" in subject and subject.endswith("O=Acme")

    run(test)


def test_a_certificate_is_optional_unless_required(mutual: TlsFiles, authority: trustme.CA) -> None:
    async def test() -> None:
        async with running(FakeTriton(), tls=load_tls(mutual).context) as gateway:
            client = await gateway.connect(client_context(authority))
            assert (await client.ask(post(INFER, gateway.token))).status == 200
            required = load_tls(replace(mutual, is_client_required=True)).context
            gateway.server.use_tls(required)
            with pytest.raises(REFUSALS):
                await (await gateway.connect(client_context(authority))).ask(LIVE)
            # Who is connected stays so.
            assert (await client.ask(post(INFER, gateway.token))).status == 200

    run(test)


def test_a_strangers_certificate_is_refused(mutual: TlsFiles, authority: trustme.CA) -> None:
    async def test() -> None:
        async with running(FakeTriton(), tls=load_tls(mutual).context) as gateway:
            stranger = trustme.CA().issue_cert("client")
            with pytest.raises(REFUSALS):
                await (await gateway.connect(client_context(authority, stranger))).ask(LIVE)

    run(test)


def test_an_authority_taken_away_is_trusted_no_more(
    mutual: TlsFiles, authority: trustme.CA, tmp_path: Path
) -> None:
    async def test() -> None:
        async with running(FakeTriton(), tls=load_tls(mutual).context) as gateway:
            context = client_context(authority, authority.issue_cert("client"))
            assert (await (await gateway.connect(context)).ask(LIVE)).status == 200
            trusted = tmp_path / "others.pem"
            trustme.CA().cert_pem.write_to_path(str(trusted))
            gateway.server.use_tls(load_tls(replace(mutual, client_ca=trusted)).context)
            with pytest.raises(REFUSALS):
                await (await gateway.connect(context)).ask(LIVE)

    run(test)


def test_when_authorities_are_lost_connections_of_clients_with_certificates_end(
    mutual: TlsFiles, authority: trustme.CA
) -> None:
    async def test() -> None:
        may_answer = asyncio.Event()

        async def slow(
            triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            await triton.read_request(reader)
            await may_answer.wait()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

        triton = FakeTriton(behaviour=slow)
        tls = load_tls(mutual).context
        async with running(triton, tls=tls) as gateway:
            certified = client_context(authority, authority.issue_cert("client"))
            idle, busy = await gateway.connect(certified), await gateway.connect(certified)
            other = await gateway.connect(client_context(authority))
            await busy.send(post(INFER, gateway.token))
            await until(lambda: len(triton.asked) == 1)
            gateway.server.use_tls(tls)
            assert not any(c.is_retiring for c in gateway.server._connections)
            gateway.server.use_tls(tls, has_lost_authorities=True)
            assert await idle.is_closed()
            assert {c.peer.ends_s for c in gateway.server._connections} == {-inf, inf}
            may_answer.set()
            answer = await busy.answer()
            assert (answer.status, answer.fields["connection"]) == (200, "close")
            assert await busy.is_closed()
            answer = await other.ask(post(INFER, gateway.token))
            assert answer.status == 200 and "connection" not in answer.fields

    run(test)


def test_a_connection_ends_with_its_certificate(mutual: TlsFiles, authority: trustme.CA) -> None:
    async def test() -> None:
        async with running(FakeTriton(), tls=load_tls(mutual).context) as gateway:
            end = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
            issued = authority.issue_cert("client", not_after=end)
            client = await gateway.connect(client_context(authority, issued))
            assert (await client.ask(post(INFER, gateway.token))).status == 200
            gateway.server.retire_ended(end.timestamp() - 1)
            assert (await client.ask(post(INFER, gateway.token))).status == 200
            gateway.server.retire_ended(end.timestamp())
            assert await client.is_closed()

    run(test)


def test_certificates_change_under_load_and_no_connection_is_lost(
    files: TlsFiles, authority: trustme.CA, tmp_path: Path
) -> None:
    async def test() -> None:
        async with running(FakeTriton(), tls=load_tls(files).context) as gateway:
            fresh = load_tls(write_pair(authority, tmp_path / "fresh")).context
            contexts = [fresh, load_tls(files).context]
            # Each request on a connection of its own, as the change concerns new ones.
            asked = get(b"/v2/health/live", None, b"Connection: close\r\n")
            load = Load(gateway.server.port, asked, tls=client_context(authority))
            load.start()
            for change in range(20):
                await load.answered(10)
                gateway.server.use_tls(contexts[change % 2])
            await load.stop()
            assert (load.refused, load.broken.total()) == (0, 0)
            assert set(load.answers) == {200}

    run(test)


def test_a_refused_upload_is_answered_and_closed(files: TlsFiles, authority: trustme.CA) -> None:
    async def test() -> None:
        tls = load_tls(files).context
        async with running(FakeTriton(), tls=tls, max_body_bytes=1000) as gateway:
            client = await gateway.connect(client_context(authority))
            head = post(INFER, gateway.token, b"", b"X-A: b\r\n").replace(b"h: 0", b"h: 9000000")
            await client.send(head + b"x" * 100_000)
            assert_problem(await client.answer(), 413, "body_too_large")
            assert await client.is_closed()

    run(test)


def test_a_slow_reader_over_tls_costs_bounded_memory(
    files: TlsFiles, authority: trustme.CA
) -> None:
    async def test() -> None:
        size = 30_000_000
        body = b"x" * size
        triton = FakeTriton(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + body)
        async with running(triton, tls=load_tls(files).context) as gateway:
            client = await gateway.connect(client_context(authority))
            client.writer.transport.pause_reading()  # type: ignore[attr-defined]
            await client.send(post(INFER, gateway.token))
            await until(lambda: any(not c._is_writable for c in gateway.server._connections))
            (connection,) = gateway.server._connections
            for _ in range(20):
                await asyncio.sleep(0.01)
                assert connection._transport.get_write_buffer_size() < 2_000_000
            client.writer.transport.resume_reading()  # type: ignore[attr-defined]
            assert len((await client.answer()).body) == size

    run(test)


def test_draining_over_tls_answers_what_is_in_flight(
    files: TlsFiles, authority: trustme.CA
) -> None:
    async def test() -> None:
        may_answer = asyncio.Event()

        async def slow(
            triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            await triton.read_request(reader)
            await may_answer.wait()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            await reader.read()

        triton = FakeTriton(behaviour=slow)
        async with running(triton, tls=load_tls(files).context) as gateway:
            context = client_context(authority)
            idle, busy = await gateway.connect(context), await gateway.connect(context)
            await busy.send(post(INFER, gateway.token))
            await until(lambda: len(triton.asked) == 1)
            draining = asyncio.create_task(gateway.server.drain(30))
            await until(lambda: gateway.gate.is_draining)
            gateway.pass_time(1.0)
            assert await idle.is_closed()
            may_answer.set()
            answer = await busy.answer()
            assert (answer.status, answer.fields["connection"]) == (200, "close")
            assert await busy.is_closed()
            await draining
            assert gateway.server.open_connections == 0

    run(test)
