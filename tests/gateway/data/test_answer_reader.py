"""One reader for the answers of many connections: nothing of one is seen in the next."""

import pytest

from gateway.data.answer_reader import AnswerReader
from gateway.errors import UpstreamFailed

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b"
LAST = b"HTTP/1.1 500 Oops\r\nContent-Length: 4\r\nConnection: close\r\n\r\nlast"


def test_a_reader_reads_one_answer_after_the_other() -> None:
    reader = AnswerReader()
    for body in (b"first", b"", b"the third"):
        for byte in ANSWER % (len(body), body):
            reader.feed(bytes([byte]))
        assert reader.answer is not None and reader.answer.status == 200
        assert reader.is_complete and reader.keeps_alive
        assert b"".join(reader.take()) == body
        reader.forget()
        assert (reader.answer, reader.raw_bytes, reader.is_complete) == (None, 0, False)


def test_what_was_taken_is_not_there_again() -> None:
    reader = AnswerReader()
    reader.feed((ANSWER % (9, b""))[:-1])
    reader.feed(b"\nfirst")
    assert reader.take() == [b"first"]
    reader.feed(b"last")
    assert (reader.take(), reader.take()) == ([b"last"], [])


@pytest.mark.parametrize(
    "text", [LAST, ANSWER % (2, b"ok") + ANSWER % (2, b"no")], ids=["closes", "says more"]
)
def test_no_answer_may_follow_one_that_ends_otherwise(text: bytes) -> None:
    reader = AnswerReader()
    reader.feed(text)
    assert reader.is_complete and not reader.keeps_alive


def test_what_is_not_http_is_told() -> None:
    with pytest.raises(UpstreamFailed, match="not HTTP"):
        AnswerReader().feed(b"hello\r\n\r\n")
