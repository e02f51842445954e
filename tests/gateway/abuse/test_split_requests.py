"""However the bytes of a client are split or mutated: the same answers, and nothing hidden."""

import asyncio
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.data.client_connection import MAX_PIPELINED
from tests.gateway.abuse.all_cases import CASES
from tests.gateway.abuse.answers_reader import read_answers
from tests.gateway.abuse.case import KEY
from tests.gateway.abuse.wire import new_wire
from tests.gateway.helpers import run

# Longer ones are about limits, which are looked at once a piece; so is the number of requests that
# wait for their turn.
_SHORT = [
    case.data
    for case in CASES
    if len(case.data) < 2000 and not case.is_head and len(case.answers) < MAX_PIPELINED
]
_SOUND = [case.data for case in CASES if case.data in _SHORT and case.is_kept and case.asked]
# Pieces of requests that mutations are made of.
_TOKENS = [
    b"\r\n", b"\n", b"\r", b"\0", b" ", b":", b",", b";", b"0\r\n\r\n", b"3\r\nabc\r\n",
    b"GET /v2 HTTP/1.1\r\n", b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n",
    b"Connection: close\r\n", b"Host: a\r\n", b"Expect: 100-continue\r\n", b"HTTP/1.0", b"HEAD",
    b"X-API-Key: x\r\n", b"Connection: upgrade\r\nUpgrade: x\r\n",
]  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """Everything that a client and Triton can tell of one connection."""

    # Of final answers.
    statuses: list[int]
    asked: list[tuple[bytes, bytes]]
    # Whether the client would still have been served when all was sent.
    is_served: bool


async def _play(data: bytes, cuts: list[int]) -> Outcome:
    wire = await new_wire()
    data = data.replace(KEY, wire.token)
    for start, end in pairwise([0, *sorted(cuts), len(data)]):
        await wire.send(data[start:end])
    is_served = not wire.is_closed
    wire.wait_for_the_end()
    assert wire.gate.metrics.in_flight == 0
    assert len(wire.pool.idle) == len(wire.pool.lines)
    answers = read_answers(wire.received)
    assert all(answer.is_whole for answer in answers)
    statuses = [answer.status for answer in answers if answer.status >= 200]
    return Outcome(statuses, [(one.request_line, one.body) for one in wire.asked], is_served)


def _assert_the_same(split: Outcome, whole: Outcome) -> None:
    if split == whole:
        return
    # Refused before its body had come, a request ends the connection where it might have served on.
    known = len(split.statuses)
    assert not split.is_served and split.statuses[-1] >= 400
    assert split.statuses == whole.statuses[:known]
    assert split.asked == whole.asked[: len(split.asked)]


def _play_both_ways(data: bytes, cuts: list[int]) -> None:
    async def play() -> None:
        _assert_the_same(await _play(data, cuts), await _play(data, []))

    asyncio.run(play())


@pytest.mark.parametrize("size", [1, 2, 7])
def test_every_case_has_the_same_end_in_pieces(size: int) -> None:
    async def test() -> None:
        for data in _SHORT:
            whole = await _play(data, [])
            _assert_the_same(await _play(data, list(range(size, len(data), size))), whole)

    run(test)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(_SHORT), min_size=1, max_size=4), st.data())
def test_cases_in_a_row_have_the_same_end_in_any_pieces(
    cases: list[bytes], data: st.DataObject
) -> None:
    joined = b"".join(cases)
    cuts = data.draw(st.lists(st.integers(0, len(joined)), max_size=10))
    _play_both_ways(joined, cuts)


@st.composite
def _mutated(draw: st.DrawFn) -> bytes:
    """A sound request, or two, with some bytes changed, dropped, doubled or put in."""
    data = b"".join(draw(st.lists(st.sampled_from(_SOUND), min_size=1, max_size=2)))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 3))
        put = draw(
            st.one_of(st.sampled_from(_TOKENS), st.binary(max_size=3), st.just(data[start:]))
        )
        data = data[:start] + put + data[start + length :]
    return data[:4000]


@settings(max_examples=700, deadline=None, derandomize=True)
@given(_mutated(), st.lists(st.integers(0, 4000), max_size=6))
def test_mutated_requests_end_in_an_answer_or_a_close_in_any_pieces(
    data: bytes, cuts: list[int]
) -> None:
    _play_both_ways(data, [cut for cut in cuts if cut <= len(data)])


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.binary(max_size=200), max_size=4))
def test_noise_ends_in_an_answer_or_a_close(pieces: list[bytes]) -> None:
    joined = b"".join(pieces)
    _play_both_ways(joined, [len(joined) // 2])
