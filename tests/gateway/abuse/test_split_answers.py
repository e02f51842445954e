"""However Triton's bytes are split or mutated: no answer is mixed with another or made up."""

import asyncio
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.data.answer_reader import MAX_ANSWER_HEAD_BYTES
from tests.gateway.abuse.answer_cases import CASES, AnswerCase
from tests.gateway.abuse.answer_play import REQUEST, assert_the_same, play_answer
from tests.gateway.abuse.answers_reader import read_answers
from tests.gateway.abuse.case import KEY
from tests.gateway.abuse.wire import new_wire
from tests.gateway.fake_triton import Asked
from tests.gateway.helpers import run

_SHORT = [case for case in CASES if len(case.data) < 2000]
_GOOD = [case.data for case in _SHORT if case.status == 200]
_TOKENS = [
    b"\r\n", b"\n", b"\r", b"\0", b" ", b":", b"0\r\n\r\n", b"1\r\nx\r\n",
    b"Content-Length: 1\r\n", b"Transfer-Encoding: chunked\r\n", b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 100 x\r\n\r\n", b"Connection: close\r\n",
]  # fmt: skip


@pytest.mark.parametrize("size", [1, 2, 5])
def test_every_answer_has_the_same_end_in_pieces(size: int) -> None:
    async def test() -> None:
        for case in _SHORT:
            whole = await play_answer(case.data, [], closes=case.closes)
            cuts = range(size, len(case.data), size)
            assert_the_same(await play_answer(case.data, cuts, closes=case.closes), whole)

    run(test)


@pytest.mark.parametrize(
    "case", [case for case in _SHORT if case.status == 200], ids=lambda c: c.name
)
def test_an_answer_that_ends_at_any_byte_is_whole_or_seen_to_be_broken(case: AnswerCase) -> None:
    async def test() -> None:
        for end in range(len(case.data)):
            outcome = await play_answer(case.data[:end], [], closes=True)
            assert outcome.status == 502 or not outcome.is_whole or outcome.body == case.body

    run(test)


@st.composite
def _mutated(draw: st.DrawFn) -> bytes:
    data = draw(st.sampled_from(_GOOD))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        put = draw(
            st.one_of(st.sampled_from(_TOKENS), st.binary(max_size=3), st.just(data[start:]))
        )
        data = data[:start] + put + data[start + draw(st.integers(0, 3)) :]
    return data[:4000]


@settings(max_examples=500, deadline=None, derandomize=True)
@given(_mutated(), st.lists(st.integers(0, 4000), max_size=6), st.booleans())
def test_mutated_answers_have_the_same_end_in_any_pieces(
    data: bytes, cuts: list[int], closes: bool
) -> None:
    async def play() -> None:
        whole = await play_answer(data, [], closes=closes)
        split = await play_answer(data, [cut for cut in cuts if cut <= len(data)], closes=closes)
        assert_the_same(split, whole)

    asyncio.run(play())


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X: " + b"a" * 1000 + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"a" * 1000),
        (b"HTTP/1.1 200 ", b"a" * 1000),
        (b"", b"HTTP/1.1 100 x\r\n\r\n" * 50),
        (b"", b"\r\n" * 500),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"a" * 1000),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
            b"X: " + b"a" * 1000 + b"\r\n",
        ),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ", b"a" * 1000),
    ],
    ids=["fields", "value", "reason", "interim", "empty lines", "extension", "trailers", "trailer"],
)
def test_an_answer_that_is_all_framing_is_broken_off(start: bytes, piece: bytes) -> None:
    async def test() -> None:
        sent = 0

        def reply(_: Asked) -> Iterable[bytes]:
            nonlocal sent
            yield start
            while (
                sent < 10 * MAX_ANSWER_HEAD_BYTES and not wire.pool.lines[0].transport.is_closing()
            ):
                sent += len(piece)
                yield piece

        wire = await new_wire(reply)
        await wire.send(REQUEST.replace(KEY, wire.token))
        assert sent < 3 * MAX_ANSWER_HEAD_BYTES
        assert not wire.pool.idle and not wire.pool.lines

    run(test)


def test_a_connection_that_did_not_take_all_of_a_request_is_not_used_again() -> None:
    """What is left of it would stand before the next, and hold that up unseen."""

    async def test() -> None:
        def reply(_: Asked) -> Iterable[bytes]:
            wire.pool.lines[0].transport.unread_bytes = 1
            return [b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"]

        wire = await new_wire(reply)
        await wire.send(REQUEST.replace(KEY, wire.token))
        assert [answer.status for answer in read_answers(wire.received)] == [200]
        assert not wire.pool.idle and not wire.pool.lines

    run(test)
