"""Finds errors in a stream of server-sent events, whose status is 200 whatever happens later."""

# Triton writes an event as one line of JSON; a line feed within it is escaped.
_ERROR_EVENT = b'\ndata: {"error":'


class EventErrors:
    """Looks at the parts of one stream as they pass."""

    __slots__ = ("_end", "found")

    def __init__(self) -> None:
        self.found = False
        # The first event has no line before it.
        self._end = b"\n"

    def look(self, parts: list[bytes]) -> None:
        text = self._end + b"".join(parts)
        self.found = self.found or _ERROR_EVENT in text
        self._end = text[-(len(_ERROR_EVENT) - 1) :]


def error_event(body: bytes) -> bytes:
    """The last event of a stream that breaks off; `body` is the problem's JSON."""
    return b"data: %b\n\n" % body
