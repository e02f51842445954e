"""Paths beside inference: permissions, lists cut down, loads rebuilt, shared memory."""

import pytest

from gateway.permissions import parse_grant
from tests.gateway.fake_triton import Asked, FakeTriton
from tests.gateway.helpers import INFER, assert_problem, get, post, run, running

INDEX = b"/v2/repository/index"
LOAD = b"/v2/repository/models/a/load"


def _answer(body: bytes, fields: bytes = b"") -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n%bContent-Length: %d\r\n\r\n"
    return head % (fields, len(body)) + body


LISTED = b'[{"name":"a","version":"1"},{"name":"b","version":"1"}]'


def test_the_index_shows_a_caller_its_own_models_only() -> None:
    async def test() -> None:
        triton = FakeTriton(_answer(LISTED))
        async with running(triton) as gateway:
            own = gateway.add_key(models=("a",))
            reply = await gateway.ask(post(INDEX, own, b"", b"Accept-Encoding: gzip\r\n"))
            everything = await gateway.ask(post(INDEX, gateway.token, b""))
        assert reply.body == b'[{"name":"a","version":"1"}]'
        assert reply.fields["content-type"] == "application/json"
        assert everything.body == LISTED
        # It must be read here.
        assert triton.asked[0].fields[b"accept-encoding"] == b"identity"

    run(test)


def test_statistics_of_all_models_are_cut_down_also_in_many_pieces() -> None:
    async def test() -> None:
        entry = b'{"name":"a%d","x":"' + b"y" * 1000 + b'"}'
        entries = [entry % number for number in range(300)]
        triton = FakeTriton(_answer(b'{"model_stats":[%b]}' % b",".join(entries)))
        async with running(triton) as gateway:
            reply = await gateway.ask(get(b"/v2/models/stats", gateway.add_key(models=("a29*",))))
        kept = b",".join(entries[number] for number in (29, *range(290, 300)))
        assert reply.body == b'{"model_stats":[%b]}' % kept

    run(test)


@pytest.mark.parametrize(
    "answer",
    [
        _answer(b"not a list"),
        _answer(LISTED[:-1]),
        _answer(b"\x1f\x8b", b"Content-Encoding: gzip\r\n"),
    ],
)
def test_a_list_that_cannot_be_read_is_not_shown(answer: bytes) -> None:
    async def test() -> None:
        async with running(FakeTriton(answer)) as gateway:
            reply = await gateway.ask(post(INDEX, gateway.token, b""))
            assert_problem(reply, 502, "upstream_failed")
            assert (await gateway.ask(get(b"/v2/health/live", None))).status == 200

    run(test)


def test_a_refusal_to_list_is_passed_on() -> None:
    async def test() -> None:
        triton = FakeTriton(_answer(b'{"error":"no"}').replace(b"200 OK", b"400 Bad Request"))
        async with running(triton) as gateway:
            reply = await gateway.ask(post(INDEX, gateway.token, b""))
        assert (reply.status, reply.body) == (400, b'{"error":"no"}')

    run(test)


def test_a_load_is_rebuilt_and_needs_its_permission() -> None:
    async def test() -> None:
        triton = FakeTriton()
        async with running(triton) as gateway:
            reply = await gateway.ask(post(LOAD, gateway.token))
            problem = assert_problem(reply, 403, "permission_missing")
            assert "repository:load" in str(problem["detail"])
            assert "insufficient_scope" in reply.fields["www-authenticate"]
            token = gateway.add_key(grants=(parse_grant("repository:load=a"),))
            assert (await gateway.ask(post(LOAD, token, b' {"x":1} '))).status == 200
            other = await gateway.ask(post(LOAD.replace(b"/a/", b"/b/"), token))
            assert_problem(other, 403, "permission_missing")
        assert [asked.body for asked in triton.asked] == [b"{}"]
        assert triton.asked[0].fields[b"content-length"] == b"2"

    run(test)


@pytest.mark.parametrize(
    "body", [b'{"parameters":{"config":"{}"}}', b'{"parameters":{"file:1/x":""}}']
)
def test_a_load_that_brings_a_model_is_refused(body: bytes) -> None:
    async def test() -> None:
        triton = FakeTriton()
        async with running(triton) as gateway:
            token = gateway.add_key(grants=(parse_grant("*"),))
            reply = await gateway.ask(post(LOAD, token, body))
            assert_problem(reply, 403, "load_override_refused")
            coded = await gateway.ask(post(LOAD, token, body, b"Content-Encoding: gzip\r\n"))
            assert_problem(coded, 415, "unsupported_coding")
        assert not triton.asked

    run(test)


def test_a_body_of_control_is_small() -> None:
    async def test() -> None:
        triton = FakeTriton()
        async with running(triton) as gateway:
            token = gateway.add_key(grants=(parse_grant("*"),))
            reply = await gateway.ask(post(b"/v2/logging", token, b" " * 70_000))
            assert_problem(reply, 413, "body_too_large")
        assert not triton.asked

    run(test)


def test_a_permission_that_is_missing_on_a_model_one_may_see_is_told_and_costs_nothing() -> None:
    async def test() -> None:
        triton = FakeTriton()
        async with running(triton) as gateway:
            token = gateway.add_key(grants=(parse_grant("metadata=echo"),))
            assert_problem(await gateway.ask(post(INFER, token)), 403, "permission_missing")
            assert (await gateway.ask(get(b"/v2/models/echo", token))).status == 200
            hidden = await gateway.ask(get(b"/v2/models/other", token))
            assert hidden.status == 404 and "unknown model" in str(hidden.json()["error"])
        assert len(triton.asked) == 1

    run(test)


@pytest.mark.parametrize(
    "path", [b"/v2/systemsharedmemory/status", b"/v2/cudasharedmemory/register"]
)
def test_shared_memory_is_refused_whoever_asks(path: bytes) -> None:
    async def test() -> None:
        triton = FakeTriton()
        async with running(triton) as gateway:
            token = gateway.add_key(grants=(parse_grant("*"),))
            assert_problem(await gateway.ask(post(path, token)), 403, "shared_memory_refused")
            body = b'{"inputs":[{"parameters":{"shared_memory_region":"r"}}]}'
            assert_problem(
                await gateway.ask(post(INFER, token, body)), 403, "shared_memory_refused"
            )
        assert not triton.asked

    run(test)


def test_logging_is_read_by_get_and_set_by_post() -> None:
    async def test() -> None:
        triton = FakeTriton()
        async with running(triton) as gateway:
            token = gateway.add_key(grants=(parse_grant("logging"),))
            assert (await gateway.ask(get(b"/v2/logging", token))).status == 200
            assert (
                await gateway.ask(post(b"/v2/logging", token, b'{"log_info":true}'))
            ).status == 200
        lines = [asked.request_line for asked in triton.asked]
        assert lines == [b"GET /v2/logging HTTP/1.1", b"POST /v2/logging HTTP/1.1"]
        assert triton.asked[1].body == b'{"log_info":true}'

    run(test)


def test_what_hurts_triton_never_gets_there() -> None:
    async def test() -> None:
        triton = FakeTriton()
        async with running(triton) as gateway:
            for path in (INFER, b"/v2/models/echo/generate", b"/v2/models/echo/generate_stream"):
                for body in (b"[" * 1000, b"[" * 300_000):
                    reply = await gateway.ask(post(path, gateway.token, body))
                    assert_problem(reply, 400, "malformed_request")
            body = b'{"inputs":[{"shape":[1,268435456]}]}'
            assert_problem(
                await gateway.ask(post(INFER, gateway.token, body)), 400, "malformed_request"
            )
            assert all(asked.body == b"" for asked in triton.asked)

    run(test)


def test_triton_is_asked_under_the_callers_trace_or_a_new_one() -> None:
    async def test() -> None:
        triton = FakeTriton()
        async with running(triton) as gateway:
            client = await gateway.connect()
            given = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
            await client.ask(get(b"/v2", gateway.token, b"Traceparent: %b\r\n" % given))
            for _ in range(2):
                await client.ask(get(b"/v2", gateway.token))
        traces = [asked.fields[b"traceparent"] for asked in triton.asked]
        assert traces[0] == given
        # The same head twice, and yet two traces.
        assert len(set(traces)) == 3

    run(test)


def test_an_answer_with_a_hop_by_hop_field_of_its_own_loses_it() -> None:
    async def test() -> None:
        def answer(asked: Asked) -> bytes:
            return _answer(b"{}", b"Connection: X-Hop\r\nX-Hop: 1\r\nX-End: 1\r\n")

        async with running(FakeTriton(answer)) as gateway:
            reply = await gateway.ask(post(INFER, gateway.token))
        assert "x-hop" not in reply.fields and reply.fields["x-end"] == "1"

    run(test)
