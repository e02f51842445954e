"""The trip of a request, over real sockets, before a Triton that does what the test says."""

import asyncio
import zlib
from dataclasses import replace

import pytest

from gateway.data.auth import Authenticator
from gateway.data.exchange import CLIENT_LEFT, HOLD_BYTES
from gateway.errors import RecordsUnavailable
from gateway.keys import Key
from gateway.rates import Rate
from tests.gateway.fake_triton import OK, OK_BODY, Asked, FakeTriton
from tests.gateway.helpers import INFER, assert_problem, get, post, run, running, until


def test_a_body_and_its_tensor_length_pass_untouched_both_ways() -> None:
    async def test() -> None:
        tensor = zlib.compress(bytes(range(256)) * 10)

        def answer(asked: Asked) -> bytes:
            size = len(asked.body)
            head = b"Inference-Header-Content-Length: 0\r\nContent-Encoding: x\r\n"
            return b"HTTP/1.1 200 OK\r\n%bContent-Length: %d\r\n\r\n%b" % (head, size, asked.body)

        triton = FakeTriton(answer)
        async with running(triton) as gateway:
            fields = b"Inference-Header-Content-Length: 12\r\nContent-Encoding: deflate\r\n"
            reply = await gateway.ask(post(INFER, gateway.token, tensor, fields))
        assert reply.body == tensor == triton.asked[0].body
        assert triton.asked[0].fields[b"inference-header-content-length"] == b"12"
        assert triton.asked[0].fields[b"content-encoding"] == b"deflate"
        assert reply.fields["inference-header-content-length"] == "0"
        assert reply.fields["content-encoding"] == "x"

    run(test)


def test_the_upstream_request_is_rebuilt_and_carries_no_secret() -> None:
    async def test() -> None:
        triton = FakeTriton()
        async with running(triton) as gateway:
            fields = b"X-Request-Id: job-7\r\nX-Forwarded-For: 1.2.3.4\r\nTE: trailers\r\n"
            fields += b"Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
            fields += b"Connection: keep-alive, X-Odd\r\nX-Odd: 1\r\nX-API-Key: other\r\n"
            reply = await gateway.ask(post(INFER + b"?a=b", gateway.token, b"{}", fields))
        assert triton.asked[0].head == (
            b"POST /v2/models/echo/infer HTTP/1.1\r\n"
            b"Host: 127.0.0.1:%d\r\n"
            b"Accept-Encoding: identity\r\n"
            b"Content-Length: 2\r\n"
            b"Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
            b"Via: 1.1 conch\r\n"
            b"X-Request-Id: job-7\r\n\r\n" % triton.port
        )
        assert reply.fields["x-request-id"] == "job-7"
        assert reply.fields["via"] == "1.1 conch"
        assert "proxy-status" not in reply.fields

    run(test)


def test_only_the_clients_own_accept_encoding_goes_upstream() -> None:
    async def test() -> None:
        triton = FakeTriton()
        async with running(triton) as gateway:
            await gateway.ask(post(INFER, gateway.token, b"{}", b"Accept-Encoding: gzip\r\n"))
        assert triton.asked[0].fields[b"accept-encoding"] == b"gzip"

    run(test)


def test_hop_by_hop_fields_of_triton_are_dropped() -> None:
    async def test() -> None:
        fields = b"Keep-Alive: timeout=5\r\nProxy-Connection: x\r\nVia: 1.0 y\r\nX-Own: 1\r\n"
        triton = FakeTriton(b"HTTP/1.1 200 OK\r\n%bContent-Length: 0\r\n\r\n" % fields)
        async with running(triton) as gateway:
            reply = await gateway.ask(post(INFER, gateway.token))
        assert reply.fields.keys() == {"x-own", "content-length", "via", "x-request-id"}

    run(test)


def test_health_needs_no_key_and_everything_else_does() -> None:
    async def test() -> None:
        triton = FakeTriton()
        async with running(triton) as gateway:
            assert (await gateway.ask(get(b"/v2/health/live", None))).status == 200
            for request in (get(b"/v2", None), post(INFER, None)):
                reply = await gateway.ask(request)
                assert_problem(reply, 401, "unauthenticated")
                assert reply.fields["www-authenticate"] == 'Bearer realm="conch"'
            reply = await gateway.ask(post(INFER, "ck_junk"))
            assert_problem(reply, 401, "unauthenticated")
            assert reply.fields["www-authenticate"] == 'Bearer realm="conch", error="invalid_token"'
        assert len(triton.asked) == 1
        assert not gateway.lookups

    run(test)


def test_an_unknown_path_and_a_wrong_method_are_refused() -> None:
    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            assert_problem(
                await gateway.ask(get(b"/v2/log", gateway.token)), 404, "route_not_found"
            )
            reply = await gateway.ask(get(INFER, gateway.token))
            assert_problem(reply, 405, "method_not_allowed")
            assert reply.fields["allow"] == "POST"

    run(test)


def test_head_is_answered_without_asking_triton() -> None:
    async def test() -> None:
        triton = FakeTriton()
        async with running(triton) as gateway:
            client = await gateway.connect()
            request = get(b"/v2/health/live", None, method=b"HEAD")
            for _ in range(2):
                assert (await client.ask(request, is_head=True)).status == 405
        assert not triton.asked

    run(test)


def test_a_key_over_its_rate_is_refused_until_the_time_it_is_told() -> None:
    async def test() -> None:
        triton = FakeTriton()
        async with running(triton) as gateway:
            token = gateway.add_key(limit=Rate(1, 60, 2))
            client = await gateway.connect()
            assert [(await client.ask(post(INFER, token))).status for _ in range(2)] == [200, 200]
            reply = await client.ask(post(INFER, token))
            assert_problem(reply, 429, "quota_exceeded")
            assert reply.fields["retry-after"] == "60"
            assert reply.fields["ratelimit"] == '"key-requests-rate";r=0;t=60'
            policy = '"key-requests-rate";q=2;w=120;qu="requests"'
            assert reply.fields["ratelimit-policy"] == policy
            gateway.pass_time(60)
            assert (await client.ask(post(INFER, token))).status == 200
        assert len(triton.asked) == 3
        assert gateway.count("echo", 429) == 1

    run(test)


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [(b"infer", 404), (b"config", 404), (b"", 404), (b"ready", 400), (b"stats", 400)],
)
def test_a_model_that_is_not_allowed_is_told_as_unknown(request_bytes: bytes, status: int) -> None:
    async def test() -> None:
        triton = FakeTriton()
        async with running(triton) as gateway:
            token = gateway.add_key(models=("mnist_*",))
            path = (b"/v2/models/echo/" + request_bytes).rstrip(b"/")
            request = post(path, token) if request_bytes == b"infer" else get(path, token)
            reply = await gateway.ask(request)
            assert reply.status == status
            assert set(reply.fields) == {"content-type", "content-length", "via", "x-request-id"}
        assert not triton.asked

    run(test)


def test_a_body_declared_too_large_is_refused_before_it_is_read_and_takes_no_quota() -> None:
    async def test() -> None:
        triton = FakeTriton()
        async with running(triton, max_body_bytes=1000) as gateway:
            token = gateway.add_key(limit=Rate(1, 60, 1))
            request = post(INFER, token, b"x" * 2000)
            reply = await gateway.ask(request[:-2000])
            assert_problem(reply, 413, "body_too_large")
            # Small enough to be read and dropped: the connection serves on.
            assert "connection" not in reply.fields
            assert (await gateway.ask(post(INFER, token))).status == 200

    run(test)


def test_a_chunked_body_that_grows_too_large_is_refused_and_the_connection_closed() -> None:
    async def test() -> None:
        triton = FakeTriton()
        async with running(triton, max_body_bytes=200_000) as gateway:
            client = await gateway.connect()
            head = post(INFER, gateway.token).replace(b"Content-Length: 2\r\n\r\n{}", b"")
            await client.send(head + b"Transfer-Encoding: chunked\r\n\r\n")
            for _ in range(3):
                await client.send(b"186a0\r\n" + b"x" * 100_000 + b"\r\n")
            reply = await client.answer()
            assert_problem(reply, 413, "body_too_large")
            assert reply.fields["connection"] == "close"
            await until(lambda: triton.closed == triton.connections)
        assert gateway.count("echo", 413) == 0 and gateway.count("", 413) == 1

    run(test)


def test_a_chunked_body_is_held_to_its_limit_while_it_is_streamed() -> None:
    async def test() -> None:
        triton = FakeTriton()
        async with running(triton, max_body_bytes=200_000) as gateway:
            client = await gateway.connect()
            # With its key known, the body is forwarded from its first part on.
            assert (await client.ask(post(INFER, gateway.token))).status == 200
            # Binary tensors: JSON has a limit of its own.
            fields = b"Inference-Header-Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n"
            await client.send(post(INFER, gateway.token).partition(b"Content-Length")[0] + fields)
            await client.send(b"186a0\r\n" + b"x" * 100_000 + b"\r\n")
            await until(lambda: len(triton.asked) == 2)
            await client.send((b"186a0\r\n" + b"x" * 100_000 + b"\r\n") * 2 + b"0\r\n\r\n")
            assert_problem(await client.answer(), 413, "body_too_large")
            await until(lambda: triton.closed == triton.connections)

    run(test)


def test_a_small_chunked_body_goes_upstream_with_its_length() -> None:
    async def test() -> None:
        triton = FakeTriton()
        async with running(triton) as gateway:
            head = post(INFER, gateway.token).replace(b"Content-Length: 2\r\n\r\n{}", b"")
            body = b"3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: x\r\n\r\n"
            reply = await gateway.ask(head + b"Transfer-Encoding: chunked\r\n\r\n" + body)
        assert reply.status == 200
        assert triton.asked[0].body == b"abcde"
        assert triton.asked[0].fields[b"content-length"] == b"5"

    run(test)


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_large_body_is_streamed_whole_and_in_order(is_chunked: bool) -> None:
    async def test() -> None:
        triton = FakeTriton()
        body = bytes(range(256)) * (HOLD_BYTES // 64)
        async with running(triton) as gateway:
            request = post(INFER, gateway.token, body)
            if is_chunked:
                head = request[: -len(body)].partition(b"Content-Length")[0]
                request = head + b"Transfer-Encoding: chunked\r\n\r\n"
                for start in range(0, len(body), 10_000):
                    part = body[start : start + 10_000]
                    request += b"%x\r\n%b\r\n" % (len(part), part)
                request += b"0\r\n\r\n"
            client = await gateway.connect()
            assert (await client.ask(request)).status == 200
            assert (await client.ask(post(INFER, gateway.token))).status == 200
        assert triton.asked[0].body == body
        assert triton.connections == 1

    run(test)


def test_continue_is_said_only_after_admission() -> None:
    async def test() -> None:
        triton = FakeTriton()
        async with running(triton) as gateway:
            expect = b"Expect: 100-continue\r\n"
            refused = await gateway.connect()
            reply = await refused.ask(post(INFER, "ck_no", b"x" * 9, expect)[:-9])
            assert_problem(reply, 401, "unauthenticated")
            assert reply.fields["connection"] == "close"
            client = await gateway.connect()
            request = post(INFER, gateway.token, b"x" * 9, expect)
            assert (await client.ask(request[:-9])).status == 100
            assert (await client.ask(request[-9:])).status == 200
        assert [asked.body for asked in triton.asked] == [b"x" * 9]
        assert b"expect" not in triton.asked[0].fields

    run(test)


def test_continue_is_not_said_to_a_client_that_did_not_wait_for_it() -> None:
    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            client = await gateway.connect()
            await client.ask(post(INFER, gateway.token))
            expecting = post(INFER, gateway.token, b"{}", b"Expect: 100-continue\r\n")
            assert (await client.ask(expecting)).status == 200

    run(test)


@pytest.mark.parametrize("request_s", [30.0, 600.0], ids=["in all", "of Triton"])
def test_a_request_that_took_too_long_ends_its_connection(request_s: float) -> None:
    async def test() -> None:
        async def silent(triton: FakeTriton, reader: asyncio.StreamReader, _: object) -> None:
            await triton.read_request(reader)
            await reader.read()

        triton = FakeTriton(behaviour=silent)
        async with running(triton) as gateway:
            times = gateway.gate.times = replace(gateway.gate.times, request_s=request_s)
            client = await gateway.connect()
            await client.send(post(INFER, gateway.token))
            await until(lambda: len(triton.asked) == 1)
            gateway.pass_time(min(times.upstream_s, request_s))
            reply = await client.answer()
            assert_problem(reply, 504, "upstream_timeout")
            assert reply.fields.get("connection") == "close"
            assert await client.is_closed()

    run(test)


def test_a_client_that_leaves_closes_the_connection_to_triton() -> None:
    async def test() -> None:
        async def silent(triton: FakeTriton, reader: asyncio.StreamReader, _: object) -> None:
            await triton.read_request(reader)
            assert await reader.read() == b""

        triton = FakeTriton(behaviour=silent)
        async with running(triton) as gateway:
            client = await gateway.connect()
            await client.send(post(INFER, gateway.token))
            await until(lambda: len(triton.asked) == 1)
            assert gateway.gate.metrics.in_flight == 1
            client.close()
            await until(lambda: triton.closed == 1)
            assert gateway.gate.metrics.in_flight == 0
            assert gateway.count("", CLIENT_LEFT) == 1
            await until(lambda: gateway.pool.open_connections == 0)

    run(test)


def test_a_client_that_leaves_while_it_waits_for_a_connection_is_not_forwarded() -> None:
    async def test() -> None:
        may_answer = asyncio.Event()

        async def slow(
            triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            while True:
                await triton.read_request(reader)
                await may_answer.wait()
                writer.write(OK)

        triton = FakeTriton(behaviour=slow)
        async with running(triton, max_connections=1) as gateway:
            first, second = await gateway.connect(), await gateway.connect()
            await first.send(post(INFER, gateway.token))
            await until(lambda: len(triton.asked) == 1)
            await second.send(post(INFER, gateway.token))
            await until(lambda: gateway.gate.metrics.in_flight == 2)
            second.close()
            await until(lambda: gateway.gate.metrics.in_flight == 1)
            may_answer.set()
            assert (await first.answer()).status == 200
            assert (await first.ask(post(INFER, gateway.token))).status == 200
        assert len(triton.asked) == 2

    run(test)


def test_requests_queue_for_connections_and_all_are_answered() -> None:
    async def test() -> None:
        triton = FakeTriton()
        async with running(triton, max_connections=2) as gateway:
            asks = (gateway.ask(post(INFER, gateway.token)) for _ in range(20))
            replies = await asyncio.gather(*asks)
        assert [reply.body for reply in replies] == [OK_BODY] * 20
        assert triton.connections == 2
        assert gateway.lookups and len(gateway.lookups) == 1

    run(test)


def test_model_labels_are_not_made_up_by_clients() -> None:
    async def test() -> None:
        def answer(asked: Asked) -> bytes:
            unknown = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
            return OK if b"/echo/" in asked.request_line else unknown

        async with running(FakeTriton(answer)) as gateway:
            for _ in range(2):
                await gateway.ask(post(INFER, gateway.token))
            await gateway.ask(post(b"/v2/models/made-up/infer", gateway.token))
            await gateway.ask(post(INFER, None))
        assert gateway.count("echo", 200) == 2
        assert gateway.count("", 404) == 1 and gateway.count("made-up", 404) == 0
        assert gateway.count("", 401) == 1 and gateway.count("echo", 401) == 0

    run(test)


def test_records_that_cannot_be_read_are_a_503_and_are_asked_again() -> None:
    async def test() -> None:
        async with running(FakeTriton()) as gateway:

            async def fail(_: str) -> Key | None:
                raise RecordsUnavailable("Keys cannot be read just now; try again.")

            works = gateway.gate.authenticator
            gateway.gate.authenticator = Authenticator(fail)
            client = await gateway.connect()
            reply = await client.ask(post(INFER, gateway.token))
            assert_problem(reply, 503, "records_unavailable")
            gateway.gate.authenticator = works
            assert (await client.ask(post(INFER, gateway.token))).status == 200

    run(test)


def test_records_that_do_not_answer_are_a_503() -> None:
    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            asked = asyncio.Event()

            async def hang(_: str) -> Key | None:
                asked.set()
                await asyncio.Event().wait()
                return None

            gateway.gate.authenticator = Authenticator(hang)
            client = await gateway.connect()
            await client.send(post(INFER, gateway.token))
            await asked.wait()
            gateway.pass_time(gateway.gate.times.upstream_s)
            assert_problem(await client.answer(), 503, "records_unavailable")

    run(test)


def test_a_large_body_that_arrives_while_its_key_is_looked_up_is_held_back() -> None:
    async def test() -> None:
        triton, may_answer = FakeTriton(), asyncio.Event()
        async with running(triton, max_body_bytes=20_000_000) as gateway:

            async def slow(key_id: str) -> Key | None:
                await may_answer.wait()
                return gateway.keys[key_id]

            gateway.gate.authenticator = Authenticator(slow)
            client = await gateway.connect()
            body = b"x" * 10_000_000
            sending = asyncio.create_task(client.send(post(INFER, gateway.token, body)))
            await until(lambda: any(c._is_paused for c in gateway.server._connections))
            may_answer.set()
            assert (await client.answer()).status == 200
            await sending
        assert triton.asked[0].body == body

    run(test)
