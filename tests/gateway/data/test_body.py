"""Bodies as they are held, in however many pieces they come."""

import gzip
import zlib

import pytest

from gateway.data.body import HOLD_BYTES, MAX_PARTS, Body
from gateway.errors import BodyTooLarge, MalformedRequest


def body_of(*parts: bytes, declared: int | None = None, most: int = 10 * HOLD_BYTES) -> Body:
    body = Body(declared)
    body.limit(most, most)
    for part in parts:
        body.receive(part)
    return body


def test_what_waits_is_counted_through_all_its_states() -> None:
    body = body_of(b"ab", b"c")
    assert (body.held_bytes, body.ready_bytes, body.received_bytes) == (3, 0, 3)
    body.has_arrived = True
    body.look()
    assert (body.held_bytes, body.ready_bytes) == (3, 3)
    assert body.is_whole and b"".join(body.take()) == b"abc"
    assert (body.held_bytes, body.ready_bytes, body.received_bytes) == (0, 0, 3)
    body.replace(b"{}")
    assert (body.held_bytes, body.take()) == (2, [b"{}"])


def test_tiny_pieces_are_put_together() -> None:
    body = body_of(*[b"x"] * HOLD_BYTES)
    assert len(body._new) <= MAX_PARTS
    body.has_arrived = True
    body.look()
    assert b"".join(body.take()) == b"x" * HOLD_BYTES


def test_a_small_body_is_looked_at_once_it_is_whole() -> None:
    body = body_of(b"ab")
    body.look()
    assert not body.is_whole and body.take() == []
    body.has_arrived = True
    body.look()
    assert body.take() == [b"ab"]


def test_a_large_body_is_ready_as_it_comes() -> None:
    body = body_of(b"x" * (HOLD_BYTES + 1))
    body.look()
    assert body.ready_bytes == HOLD_BYTES + 1 and not body.is_whole


def test_a_body_over_its_limit_is_refused_when_declared_or_when_it_comes() -> None:
    with pytest.raises(BodyTooLarge):
        Body(11).limit(10, 10)
    body = body_of(b"x" * 11, most=100)
    body._max_bytes = 10
    with pytest.raises(BodyTooLarge, match="over 10 bytes"):
        body.look()


def test_what_is_discarded_is_held_no_longer() -> None:
    body = body_of(b"ab")
    body.discard()
    assert body.held_bytes == 0 and body.received_bytes == 2


def test_what_is_being_inflated_is_dropped_with_the_rest() -> None:
    body = guarded(coding=b"deflate")
    body.receive(zlib.compress(bytes(5_000_000)))
    body.has_arrived = True
    body.look()
    assert body.is_pending
    body.discard()
    assert not body.is_pending and body.held_bytes == 0


def guarded(*, coding: bytes = b"", declared: int | None = None) -> Body:
    body = body_of(declared=declared, most=10_000_000)
    body.guard(coding, None)
    return body


def finish(body: Body) -> None:
    body.has_arrived = True
    body.look()
    while body.is_pending:
        body.look()


def test_the_shapes_of_a_small_compressed_body_are_held_against_its_inflated_size() -> None:
    body = guarded(coding=b"gzip")
    body.receive(gzip.compress(b'{"shape":[1,9000000]}'))
    with pytest.raises(MalformedRequest, match="more elements"):
        finish(body)


def test_the_shapes_of_a_chunked_body_are_held_against_what_came() -> None:
    body = guarded()
    body.receive(b'{"shape":[1,9000000]}' + b" " * HOLD_BYTES)
    body.look()
    body.take()
    body.receive(b" ")
    with pytest.raises(MalformedRequest, match="more elements"):
        finish(body)


def test_a_shape_that_a_declared_body_cannot_hold_is_refused_before_all_has_come() -> None:
    body = guarded(declared=2 * HOLD_BYTES)
    body.receive(b'{"shape":[1,9000000]}' + b" " * HOLD_BYTES)
    with pytest.raises(MalformedRequest, match="more elements"):
        body.look()
