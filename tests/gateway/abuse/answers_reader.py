"""A client's strict reading of all answers that it was sent on one connection."""

import re
from dataclasses import dataclass

_HEAD = re.compile(
    rb"HTTP/1\.1 ([1-9][0-9]{2}) [\x20-\x7e]*\r\n((?:[!-9;-~]+: [\x20-\x7e\x80-\xff\t]*\r\n)*)\r\n"
)


@dataclass(frozen=True, slots=True)
class ReadAnswer:
    """One answer; `is_whole` is false if its end is missing."""

    status: int
    fields: dict[bytes, bytes]
    body: bytes
    is_whole: bool


def read_answers(data: bytes) -> list[ReadAnswer]:
    """All answers in order; fails on anything that is no answer. None of them is to a HEAD."""
    answers = []
    while data:
        match = _HEAD.match(data)
        assert match, data[:200]
        answer, data = _read(int(match[1]), match[2], data[match.end() :])
        answers.append(answer)
    return answers


def _read(status: int, lines: bytes, rest: bytes) -> tuple[ReadAnswer, bytes]:
    pairs = [line.split(b": ", 1) for line in lines.split(b"\r\n")[:-1]]
    fields = {name.lower(): value for name, value in pairs}
    lengths = [name for name, _ in pairs if name.lower() == b"content-length"]
    assert len(lengths) <= 1 and not (lengths and b"transfer-encoding" in fields), lines
    if status < 200 or status in (204, 304):
        return ReadAnswer(status, fields, b"", True), rest
    if fields.get(b"transfer-encoding") == b"chunked":
        return _read_chunks(status, fields, rest)
    size = int(fields[b"content-length"]) if lengths else len(rest)
    return ReadAnswer(status, fields, rest[:size], len(rest) >= size), rest[size:]


def _read_chunks(status: int, fields: dict[bytes, bytes], rest: bytes) -> tuple[ReadAnswer, bytes]:
    body = b""
    while True:
        size_line, separator, rest = rest.partition(b"\r\n")
        if not separator:
            return ReadAnswer(status, fields, body, False), b""
        size = int(size_line, 16)
        if len(rest) < size + 2:
            return ReadAnswer(status, fields, body + rest, False), b""
        assert rest[size : size + 2] == b"\r\n", rest[:100]
        body, rest = body + rest[:size], rest[size + 2 :]
        if size == 0:
            return ReadAnswer(status, fields, body, True), rest
