"""One request of the corpus, and what of its answer may differ from Triton's."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace

Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Ours:
    """The gateway answers this request itself, by design, whatever Triton would say."""

    status: int
    code: str


def as_it_is(body: bytes) -> bytes:
    return body


@dataclass(frozen=True)
class Case:
    """A request without its Host, credential and framing."""

    name: str
    method: str
    path: str
    body: bytes = b""
    fields: Fields = ()
    # The body goes in chunks of this many bytes; None: with its length.
    chunk_bytes: int | None = None
    ours: Ours | None = None
    # Asked again until these bytes are in the answer.
    until: bytes = b""
    # Takes away what differs between two answers of Triton's own, as counters do.
    comparable: Callable[[bytes], bytes] = field(default=as_it_is, compare=False)

    def wire(self, host: str, token: str | None) -> bytes:
        """The whole request as bytes."""
        lines = [f"{self.method} {self.path} HTTP/1.1", f"Host: {host}"]
        lines += [f"{name}: {value}" for name, value in self.fields]
        if token is not None:
            lines.append(f"Authorization: Bearer {token}")
        if self.chunk_bytes is not None:
            lines.append("Transfer-Encoding: chunked")
        elif self.method != "GET":
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join([*lines, "", ""]).encode() + self._framed_body()

    def with_fields(self, suffix: str, **fields: str) -> "Case":
        """`case.with_fields("gzip out", Accept_Encoding="gzip")`"""
        added = tuple((name.replace("_", "-"), value) for name, value in fields.items())
        return replace(self, name=f"{self.name}, {suffix}", fields=self.fields + added)

    def chunked(self, size_bytes: int) -> "Case":
        return replace(self, name=f"{self.name}, chunks of {size_bytes}", chunk_bytes=size_bytes)

    def compressed(self, coding: str) -> "Case":
        """The body in this content coding, the same bytes every time."""
        # 31: gzip's own head and tail; 15: zlib's, which HTTP calls deflate.
        packer = zlib.compressobj(wbits={"gzip": 31, "deflate": 15}[coding])
        body = packer.compress(self.body) + packer.flush()
        packed = replace(self, body=body)
        return packed.with_fields(f"{coding} in", Content_Encoding=coding)

    def _framed_body(self) -> bytes:
        if self.chunk_bytes is None:
            return self.body
        starts = range(0, len(self.body), self.chunk_bytes)
        pieces = [self.body[start : start + self.chunk_bytes] for start in starts]
        return b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"
