"""Plays what a client sends, in one piece and in others, and compares what comes of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from gateway.data.client_connection import MAX_PIPELINED
from tests.gateway.abuse.answers_reader import read_answers
from tests.gateway.abuse.case import KEY
from tests.gateway.abuse.wire import new_wire


@dataclass(frozen=True)
class Outcome:
    """Everything that a client and Triton can tell of one connection."""

    # Of final answers.
    statuses: list[int]
    asked: list[tuple[bytes, bytes]]
    # Whether the client would still have been served when all was sent.
    is_served: bool


async def play_request(data: bytes, cuts: Iterable[int]) -> Outcome:
    """Send it, cut at these places, and wait for the end; fails on anything that is not HTTP."""
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
    # Nothing that a client sends is a fault of the gateway's.
    assert all(answer.status != 500 for answer in answers)
    statuses = [answer.status for answer in answers if answer.status >= 200]
    return Outcome(statuses, [(one.request_line, one.body) for one in wire.asked], is_served)


def assert_the_same(split: Outcome, whole: Outcome) -> None:
    """Sent in pieces, a request has the same end, or an earlier one."""
    if split == whole or len(whole.statuses) > MAX_PIPELINED:
        # What waits for its turn is counted; in pieces less has to wait.
        return
    # Refused before its body had come, a request ends the connection where it might have served on.
    known = len(split.statuses)
    assert not split.is_served and split.statuses[-1] >= 400
    assert split.statuses == whole.statuses[:known]
    assert split.asked == whole.asked[: len(split.asked)]
