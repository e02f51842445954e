"""A Triton's reading of requests, which takes nothing but what the gateway is meant to write."""

import re

from tests.gateway.fake_triton import Asked

_LINE = rb"(?:GET|POST) /[A-Za-z0-9._/-]+ HTTP/1\.1\r\n"
_FIELD = rb"[A-Za-z-]+: [\x20-\x7e\x80-\xff\t]*\r\n"
_HEAD = re.compile(rb"(?:" + _LINE + rb")(?:" + _FIELD + rb")+\r\n")
_SIZE = re.compile(rb"[0-9a-f]+")
_ONCE = (b"host", b"content-length", b"transfer-encoding", b"via", b"x-request-id")
_NEVER = (b"authorization", b"x-api-key", b"connection", b"upgrade", b"te", b"trailer", b"expect")


class AskedReader:
    """Cuts a stream of bytes into requests; fails on anything that is not exactly one."""

    def __init__(self) -> None:
        self._data = b""

    def feed(self, data: bytes) -> list[Asked]:
        """The requests that are whole now."""
        self._data += data
        found = []
        while (one := self._take()) is not None:
            found.append(one)
        return found

    def _take(self) -> Asked | None:
        end = self._data.find(b"\r\n\r\n")
        if end < 0:
            return None
        head, rest = self._data[: end + 4], self._data[end + 4 :]
        _check(head)
        asked = Asked(head, b"")
        if asked.fields.get(b"transfer-encoding") is not None:
            body = _unchunk(rest)
        else:
            size = int(asked.fields.get(b"content-length", b"0"))
            body = None if len(rest) < size else (rest[:size], rest[size:])
        if body is None:
            return None
        asked.body, self._data = body
        return asked


def _check(head: bytes) -> None:
    assert _HEAD.fullmatch(head), head
    names = [line.partition(b":")[0].lower() for line in head.split(b"\r\n")[1:-2]]
    assert all(names.count(name) <= 1 for name in _ONCE), head
    assert not set(names) & set(_NEVER), head
    assert b"host" in names and b"via" in names and b"x-request-id" in names, head
    assert not {b"content-length", b"transfer-encoding"} <= set(names), head


def _unchunk(data: bytes) -> tuple[bytes, bytes] | None:
    body = b""
    while True:
        size_line, separator, data = data.partition(b"\r\n")
        if not separator:
            return None
        assert _SIZE.fullmatch(size_line), size_line
        size = int(size_line, 16)
        if len(data) < size + 2:
            return None
        assert data[size : size + 2] == b"\r\n", data[:100]
        if size == 0:
            return body, data[2:]
        body += data[:size]
        data = data[size + 2 :]
