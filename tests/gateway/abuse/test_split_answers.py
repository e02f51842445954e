"""However Triton's bytes are split or mutated: no answer is mixed with another or made up."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.data.upstream_connection import MAX_ANSWER_HEAD_BYTES
from tests.gateway.abuse.answer_cases import CASES, AnswerCase
from tests.gateway.abuse.answers_reader import ReadAnswer, read_answers
from tests.gateway.abuse.case import KEY, infer
from tests.gateway.abuse.wire import new_wire
from tests.gateway.fake_triton import Asked
from tests.gateway.helpers import run

_REQUEST = infer(b"Content-Length: 2\r\n", b"{}")
_NEXT_BODY = b"of the next request"
_NEXT = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(_NEXT_BODY), _NEXT_BODY)
_SHORT = [case for case in CASES if len(case.data) < 2000]
_GOOD = [case.data for case in _SHORT if case.status == 200]
_TOKENS = [
    b"\r\n", b"\n", b"\r", b"\0", b" ", b":", b"0\r\n\r\n", b"1\r\nx\r\n",
    b"Content-Length: 1\r\n", b"Transfer-Encoding: chunked\r\n", b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 100 x\r\n\r\n", b"Connection: close\r\n",
]  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What the client gets for the request that is answered like this."""

    status: int
    body: bytes
    is_whole: bool


async def _play(data: bytes, cuts: Iterable[int], *, closes: bool) -> Outcome:
    """Triton answers the first request with this in pieces, and the next one well."""

    def reply(_: Asked) -> Iterable[bytes]:
        if len(wire.asked) > 1:
            return [_NEXT]
        return [data[start:end] for start, end in pairwise([0, *sorted(cuts), len(data)])]

    wire = await new_wire(reply)
    await wire.send(_REQUEST.replace(KEY, wire.token))
    if closes:
        for line in wire.pool.lines:
            line.transport.abort()
        wire.turn()
    await wire.send(_REQUEST.replace(KEY, wire.token))
    wire.wait_for_the_end()
    assert wire.gate.metrics.in_flight == 0
    assert len(wire.pool.idle) == len(wire.pool.lines)
    answer, *others = read_answers(wire.received)
    assert len(others) <= 1
    # A client whose answer is broken off is not served on.
    assert answer.is_whole or not others
    assert all(_is_own(other) for other in others)
    return Outcome(answer.status, b"" if answer.status == 502 else answer.body, answer.is_whole)


def _is_own(answer: ReadAnswer) -> bool:
    return answer.status in (502, 504) or answer.body == _NEXT_BODY


def _assert_the_same(split: Outcome, whole: Outcome) -> None:
    if split == whole:
        return
    # A fault that shows when an answer has gone out in part, or in full, changes it no more.
    assert whole.status in (502, 504)


@pytest.mark.parametrize("size", [1, 2, 5])
def test_every_answer_has_the_same_end_in_pieces(size: int) -> None:
    async def test() -> None:
        for case in _SHORT:
            whole = await _play(case.data, [], closes=case.closes)
            cuts = range(size, len(case.data), size)
            _assert_the_same(await _play(case.data, cuts, closes=case.closes), whole)

    run(test)


@pytest.mark.parametrize(
    "case", [case for case in _SHORT if case.status == 200], ids=lambda c: c.name
)
def test_an_answer_that_ends_at_any_byte_is_whole_or_seen_to_be_broken(case: AnswerCase) -> None:
    async def test() -> None:
        for end in range(len(case.data)):
            outcome = await _play(case.data[:end], [], closes=True)
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
        whole = await _play(data, [], closes=closes)
        split = await _play(data, [cut for cut in cuts if cut <= len(data)], closes=closes)
        _assert_the_same(split, whole)

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
        await wire.send(_REQUEST.replace(KEY, wire.token))
        assert sent < 3 * MAX_ANSWER_HEAD_BYTES
        assert not wire.pool.idle and not wire.pool.lines

    run(test)
