"""Plays what Triton answers, in one piece and in others, and compares what the client gets."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from tests.gateway.abuse.answers_reader import ReadAnswer, read_answers
from tests.gateway.abuse.case import KEY, infer
from tests.gateway.abuse.wire import new_wire
from tests.gateway.fake_triton import Asked

REQUEST = infer(b"Content-Length: 2\r\n", b"{}")
_NEXT_BODY = b"of the next request"
_NEXT = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(_NEXT_BODY), _NEXT_BODY)


@dataclass(frozen=True)
class Outcome:
    """What the client gets for the request that is answered like this."""

    status: int
    body: bytes
    is_whole: bool


async def play_answer(data: bytes, cuts: Iterable[int], *, closes: bool) -> Outcome:
    """Triton answers the first request with this in pieces, and the next one well."""

    def reply(_: Asked) -> Iterable[bytes]:
        if len(wire.asked) > 1:
            return [_NEXT]
        return [data[start:end] for start, end in pairwise([0, *sorted(cuts), len(data)])]

    wire = await new_wire(reply)
    await wire.send(REQUEST.replace(KEY, wire.token))
    if closes:
        for line in wire.pool.lines:
            line.transport.abort()
        wire.turn()
    await wire.send(REQUEST.replace(KEY, wire.token))
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


def assert_the_same(split: Outcome, whole: Outcome) -> None:
    """Sent in pieces, an answer comes to the same, unless it is none."""
    if split == whole:
        return
    # A fault that shows when an answer has gone out in part, or in full, changes it no more.
    assert whole.status in (502, 504)
