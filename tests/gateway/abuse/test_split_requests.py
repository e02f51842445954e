"""However the bytes of a client are split or mutated: the same answers, and nothing hidden."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.data.client_connection import MAX_PIPELINED
from tests.gateway.abuse.all_cases import CASES
from tests.gateway.abuse.case import infer, live
from tests.gateway.abuse.request_play import assert_the_same, play_request
from tests.gateway.helpers import run

# Longer ones are about limits, which are looked at once a piece.
_SHORT = [case.data for case in CASES if len(case.data) < 2000 and not case.is_head]
_SOUND = [case.data for case in CASES if case.data in _SHORT and case.is_kept and case.asked]
# Pieces of requests that mutations are made of.
_TOKENS = [
    b"\r\n", b"\n", b"\r", b"\0", b" ", b":", b",", b";", b"0\r\n\r\n", b"3\r\nabc\r\n",
    b"GET /v2 HTTP/1.1\r\n", b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n",
    b"Connection: close\r\n", b"Host: a\r\n", b"Expect: 100-continue\r\n", b"HTTP/1.0", b"HEAD",
    b"X-API-Key: x\r\n", b"Connection: upgrade\r\nUpgrade: x\r\n",
]  # fmt: skip


def _play_both_ways(data: bytes, cuts: list[int]) -> None:
    async def play() -> None:
        assert_the_same(await play_request(data, cuts), await play_request(data, []))

    asyncio.run(play())


@pytest.mark.parametrize("size", [1, 2, 7])
def test_every_case_has_the_same_end_in_pieces(size: int) -> None:
    async def test() -> None:
        for data in _SHORT:
            whole = await play_request(data, [])
            assert_the_same(await play_request(data, list(range(size, len(data), size))), whole)

    run(test)


@pytest.mark.parametrize(
    "before", [infer(b"Content-Length: 3\r\n", b"abc"), live()], ids=["an inference", "a GET"]
)
def test_what_was_read_before_on_a_connection_changes_nothing(before: bytes) -> None:
    """Heads are remembered: what is refused at first must be refused later, too."""

    async def test() -> None:
        first = await play_request(before, [])
        for data in _SHORT:
            alone, after = await play_request(data, []), await play_request(before + data, [])
            if len(alone.statuses) < MAX_PIPELINED - 1:
                assert after.statuses == first.statuses + alone.statuses, data
                assert after.asked == first.asked + alone.asked, data

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
