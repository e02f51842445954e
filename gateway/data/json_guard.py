"""What of a JSON body could hurt Triton is refused while it passes by; nothing is built from it.

The same look tells how many samples the body brings: the largest first dimension of its shapes.
All inputs of a model that batches have the same; no order of names and no name that Triton does
not read makes it smaller. Shapes without elements tell nothing, so there are never more samples
than bytes.

Measured on server 2.51: 200,000 nested arrays end the whole server, for all tenants; a shape in
94 bytes of JSON has it take 8 GiB before it looks at the data; 100,000 parameters keep one of its
eight HTTP threads busy for 17 s, and nothing stops it; JSON takes up to 40 times its size there.
"""

import math
import re

from gateway.errors import BodyTooLarge, MalformedRequest, SharedMemoryRefused

# A tensor nests as deep as it has axes, and stands four levels deep itself.
MAX_DEPTH = 32
# Objects and their members: inputs, outputs, parameters.
MAX_MEMBERS = 8192
MAX_SHAPE_BYTES = 1024

# All quantifiers that could meet much text are possessive: no body takes more than linear time.
# A string that does not end here goes to the end.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_REST_OF_STRING = re.compile(rb'(?:[^"\\]++|\\.)*+"', re.DOTALL)
# No JSON has it outside of strings: seen after the strings are gone, it was in none.
_SENTINEL = b"\0"
# Both keys that are looked for begin like this.
_KEY_BEGUN = b'"sha'
_SHAPE = re.compile(rb'"shape"\s*+:\s*+\[([^\]]{0,%d}+)(\]?)' % MAX_SHAPE_BYTES)
_SHARED_MEMORY = re.compile(rb'"shared_memory_region"\s*+:')
_UNFINISHED = re.compile(rb'"sha[a-z_]*+(?:"\s*+(?::\s*+(?:\[[^\]]*+)?)?)?\Z')
_INTEGERS = re.compile(rb"\s*-?[0-9]+\s*(?:,\s*-?[0-9]+\s*)*")
# No writer of JSON escapes letters; who does hides a key from us, not from Triton.
# Where a piece begins, it is not known whether the backslash before was one: then it counts.
_HIDDEN_LETTERS = re.compile(
    rb"(?:\A\\*|(?<!\\)(?:\\\\)*)\\u00(?:[46][1-9a-f]|[57][0-9a]|5f)", re.IGNORECASE
)
_ESCAPE_BYTES = 6
_ALL_AS_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


# JSON that was looked at -> elements and samples that its shapes tell of. A client says the same
# before the tensors of each request.
_known: dict[bytes, tuple[int, int]] = {}
_MAX_KNOWN = 1024
_MAX_KNOWN_BYTES = 2048


def check_whole(body: bytes, json_bytes: int | None) -> int:
    """The samples in a body that is all there; raises MalformedRequest or SharedMemoryRefused."""
    text = body if json_bytes is None else body[:json_bytes]
    told = _known.get(text)
    if told is None:
        guard = JsonGuard(None, len(body), max_json_bytes=len(body))
        told = guard.look(text), guard.samples
        if len(text) <= _MAX_KNOWN_BYTES:
            if len(_known) >= _MAX_KNOWN:
                del _known[next(iter(_known))]
            _known[text] = told
    check_elements(told[0], len(body))
    return told[1]


def check_json_size(size_bytes: int, max_bytes: int) -> None:
    """Raise BodyTooLarge for JSON of which Triton would make many times its size."""
    if size_bytes > max_bytes:
        raise BodyTooLarge(
            f"The JSON has over {max_bytes} bytes; send tensors in binary form, "
            "or have CONCH_MAX_JSON_BYTES raised."
        )


def check_elements(elements: int, size_bytes: int) -> None:
    """Raise MalformedRequest for more elements of tensors than there are bytes."""
    if elements > size_bytes:
        raise MalformedRequest(
            f"The shapes tell of more elements than the body has bytes, {size_bytes}; "
            "send the shapes of the tensors that you send, with no size below 0."
        )


class JsonGuard:
    """Looks at the JSON part of one body, piece by piece.

    `json_bytes` is the size of that part where tensors follow it, else None: all of the body; at
    most `max_json_bytes` of it are taken. A tensor element takes a byte at least, so shapes may
    tell of `max_elements` in all: the size of the body in bytes, or a bound on it until `end`.
    """

    __slots__ = (
        "_carry",
        "_depth",
        "_elements",
        "_in_string",
        "_is_escaped",
        "_json_bytes",
        "_left_bytes",
        "_max_elements",
        "_max_json_bytes",
        "_members",
        "samples",
    )

    def __init__(self, json_bytes: int | None, max_elements: int, *, max_json_bytes: int) -> None:
        self._left_bytes = json_bytes
        self._max_json_bytes = max_json_bytes
        self._json_bytes = 0
        self._max_elements = max_elements
        # By the shapes so far; tensors without JSON are one, and so is JSON without a shape.
        self.samples = 1
        self._elements = 0
        self._members = 0
        self._depth = 0
        self._in_string = False
        self._is_escaped = False
        # The end of the last piece, where a shape may have begun.
        self._carry = b""

    def look(self, text: bytes) -> int:
        """Look at JSON that is all there; the elements that its shapes tell of."""
        brackets = text.count(b"[") + text.count(b"{")
        if brackets > MAX_DEPTH or brackets + text.count(b":") > MAX_MEMBERS:
            # So few nest no deeper and are not too many; else strings must be told apart.
            self._look_outside_strings(text)
        self._look_at_keys(text)
        return self._elements

    def piece(self, data: bytes) -> None:
        """Look at the next piece of a body; raises as `check_whole` does."""
        if self._left_bytes is not None:
            data = data[: self._left_bytes]
            self._left_bytes -= len(data)
        self._json_bytes += len(data)
        check_json_size(self._json_bytes, self._max_json_bytes)
        if self._is_plain(data):
            self._depth = max(0, self._depth - data.count(b"]") - data.count(b"}"))
            self._carry = b""
        elif data:
            self._look_outside_strings(data)
            self._look_at_keys(self._carry + data)
            self._carry = _begun(self._carry + data)

    def end(self, size_bytes: int) -> None:
        """Hold the shapes against the size that the body turned out to have."""
        check_elements(self._elements, size_bytes)

    def _is_plain(self, data: bytes) -> bool:
        """Whether nothing begins or goes on here: numbers, most likely, which most bytes are."""
        if self._in_string or b'"' in self._carry or b"\\" in data:
            return False
        return not any(mark in data for mark in (b'"', b"[", b"{", b":"))

    def _look_at_keys(self, text: bytes) -> None:
        if b"\\u00" in text and _HIDDEN_LETTERS.search(text):
            raise MalformedRequest("The JSON writes letters of ASCII as escapes; write them plain.")
        at = text.find(_KEY_BEGUN)
        if at < 0:
            return
        if _SHARED_MEMORY.search(text, at):
            raise SharedMemoryRefused(
                "Tensors in shared memory are not served here; send them in the body."
            )
        for match in _SHAPE.finditer(text, at):
            if not match[2] and match.end() < len(text):
                raise _shape_too_long()
            # Anything but integers Triton refuses by itself.
            if match[2] and _INTEGERS.fullmatch(match[1]):
                dimensions = [*map(int, match[1].split(b","))]
                elements = abs(math.prod(dimensions))
                self._elements += elements
                if elements and dimensions[0] > self.samples:
                    self.samples = dimensions[0]
        check_elements(self._elements, self._max_elements)

    def _look_outside_strings(self, data: bytes) -> None:
        text = self._outside_strings(data)
        self._members += text.count(b"{") + text.count(b":")
        if self._members > MAX_MEMBERS:
            raise MalformedRequest(
                f"The JSON has over {MAX_MEMBERS} objects and members; send fewer parameters, "
                "inputs and outputs."
            )
        brackets = text.translate(_ALL_AS_BRACKETS, _NO_BRACKETS)
        levels = 0
        while b"[]" in brackets and self._depth + levels <= MAX_DEPTH:
            # Each round takes off the innermost level.
            brackets = brackets.replace(b"[]", b"")
            levels += 1
        opened = brackets.count(b"[")
        # No more than this in any order of what is left.
        if self._depth + levels + opened > MAX_DEPTH:
            raise MalformedRequest(f"The JSON nests deeper than {MAX_DEPTH}; send flat tensors.")
        self._depth = max(0, self._depth - brackets.count(b"]")) + opened

    def _outside_strings(self, data: bytes) -> bytes:
        if self._in_string:
            rest = _REST_OF_STRING.match(data, int(self._is_escaped))
            if rest is None:
                self._is_escaped = _ends_escaped(data[int(self._is_escaped) :])
                return b""
            data = data[rest.end() :]
        text = _STRING.sub(b"", data + _SENTINEL)
        self._in_string = not text.endswith(_SENTINEL)
        self._is_escaped = self._in_string and _ends_escaped(data)
        return text


def _shape_too_long() -> MalformedRequest:
    return MalformedRequest(f"A shape takes over {MAX_SHAPE_BYTES} bytes; write it shorter.")


def _ends_escaped(text: bytes) -> bool:
    """Whether the character that follows belongs to an escape."""
    return (len(text) - len(text.rstrip(b"\\"))) % 2 == 1


def _begun(text: bytes) -> bytes:
    """What of the text's end may be the beginning of a key, of a shape or of a letter's escape."""
    # What a bracket closes is finished.
    at = text.find(_KEY_BEGUN, text.rfind(b"]") + 1)
    while at >= 0:
        if _UNFINISHED.match(text, at):
            if len(text) - at > MAX_SHAPE_BYTES:
                raise _shape_too_long()
            return text[at:]
        at = text.find(_KEY_BEGUN, at + 1)
    return text[-_ESCAPE_BYTES:]
