"""Finds errors in answers of `generate`, whose status is 200 whatever happens later."""

# Triton writes an event as one line of JSON; a line feed within it is escaped.
_EVENT = b"\ndata: "
_ERROR_EVENT = _EVENT + b'{"error":'


class EventErrors:
    """Looks at the parts of one answer as they pass: events, or the JSON of a single one."""

    __slots__ = ("_end", "found")

    def __init__(self, *, is_stream: bool) -> None:
        self.found = False
        # What would have stood before the first part.
        self._end = b"\n" if is_stream else _EVENT

    def look(self, parts: list[bytes]) -> None:
        text = self._end + b"".join(parts)
        self.found = self.found or _ERROR_EVENT in text
        self._end = text[-(len(_ERROR_EVENT) - 1) :]


def error_event(body: bytes) -> bytes:
    """The last event of a stream that breaks off; `body` is the problem's JSON."""
    return b"data: %b\n\n" % body
