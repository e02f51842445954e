"""How large compressed bodies may be, and what they must be."""

import gzip
import zlib

import pytest

from gateway.data.inflation import STEP_BYTES, Inflation, check_coding
from gateway.errors import BodyTooLarge, MalformedRequest, UnsupportedCoding


def inflated(body: bytes, *, max_bytes: int = 10 * STEP_BYTES, size: int = 1000) -> bytes:
    inflation = Inflation(max_bytes)
    found = b""
    for start in range(0, len(body), size):
        inflation.add(body[start : start + size])
        while inflation.is_pending:
            piece = inflation.step()
            assert len(piece) <= STEP_BYTES
            found += piece
    return found


@pytest.mark.parametrize("compress", [gzip.compress, zlib.compress])
@pytest.mark.parametrize("size", [0, 1, STEP_BYTES - 1, STEP_BYTES, 3 * STEP_BYTES + 7])
@pytest.mark.parametrize("piece", [1, 1000, 1_000_000])
def test_both_codings_are_inflated_in_bounded_steps(
    compress: object, size: int, piece: int
) -> None:
    assert callable(compress)
    data = bytes(size)
    assert inflated(compress(data), size=piece) == data


def test_a_body_too_large_when_inflated_is_refused_soon() -> None:
    bomb = zlib.compress(bytes(50 * STEP_BYTES))
    with pytest.raises(BodyTooLarge, match="decompressed"):
        inflated(bomb, max_bytes=2 * STEP_BYTES)
    assert inflated(bomb, max_bytes=50 * STEP_BYTES) == bytes(50 * STEP_BYTES)


@pytest.mark.parametrize(
    "body", [b"not compressed", gzip.compress(b"x", mtime=0)[:9] + b"\xff" * 9]
)
def test_what_cannot_be_inflated_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedRequest, match="Content-Encoding"):
        inflated(body)


@pytest.mark.parametrize("compress", [gzip.compress, zlib.compress])
@pytest.mark.parametrize("piece", [1, 1000])
def test_bytes_after_the_end_are_refused(compress: object, piece: int) -> None:
    assert callable(compress)
    with pytest.raises(MalformedRequest, match="follow the end"):
        inflated(compress(b"x") + b"more", size=piece)


def test_codings_that_triton_cannot_read_are_refused() -> None:
    assert not check_coding(b"") and not check_coding(b"identity")
    assert check_coding(b"gzip") and check_coding(b"deflate")
    for coding in (b"br", b"gzip, gzip", b"x-gzip", b"zstd"):
        with pytest.raises(UnsupportedCoding, match="use gzip, deflate"):
            check_coding(coding)
