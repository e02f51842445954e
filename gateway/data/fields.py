"""The fields of a request that a client mostly sends again unchanged with its next one."""

import re
from dataclasses import dataclass

from gateway.errors import Header, HeadersTooLarge, MalformedRequest

MAX_FIELD_BYTES = 16 * 1024
# Triton compresses for whoever does not say that they want it plain.
PLAIN = b"Accept-Encoding: identity\r\n"

# What Triton reads, and nothing else, goes upstream: no hop-by-hop field, no credential and
# nothing that a header forward pattern of Triton would turn into a parameter gets through.
FORWARDED = {
    name.lower().encode(): name.encode()
    for name in (
        "Accept",
        "Accept-Encoding",
        "Content-Encoding",
        "Content-Type",
        "Endpoint-Load-Metrics-Format",
        "Inference-Header-Content-Length",
        "Tracestate",
    )
}
_LISTS = frozenset({b"Accept", b"Accept-Encoding", b"Tracestate"})
TIMEOUT = b"x-conch-timeout-ms"
MAX_TIMEOUT_MS = 86_400_000
_SINGLE = frozenset({b"expect", b"host", b"transfer-encoding", TIMEOUT})
# Fields that decide what a request means: no Connection field may take them away.
_END_TO_END = frozenset({*_SINGLE, *FORWARDED, b"authorization", b"content-length", b"x-api-key"})
_USUAL_CONNECTION = frozenset({b"", b"keep-alive", b"close"})
# uri-host of RFC 3986, with a port; what else it allows no name of a gateway has.
_HOST = re.compile(rb"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class Fields:
    """What was read from them."""

    # None: the client sent none.
    host: bytes | None
    is_chunked: bool
    expects_continue: bool
    # Size of the JSON that stands before binary tensors; None: the client says of none.
    json_bytes: int | None
    # Content-Encoding of the body, empty for none.
    coding: bytes
    # How long the client waits; None: as long as the gateway does.
    timeout_s: float | None
    # Lines of the request to Triton, and the one that goes with a trace.
    forwarded: bytes
    tracestate: bytes


def read_fields(headers: list[Header]) -> Fields:
    """Check and sort the fields; raises the error that answers bad ones."""
    single, forwarded = _sort(headers)
    host = single.get(b"host")
    if host is not None and not _HOST.fullmatch(host):
        raise MalformedRequest("The Host field is no name with a port; send one as gateway:8080.")
    tracestate = forwarded.pop(b"Tracestate", None)
    return Fields(
        host=host,
        is_chunked=_is_chunked(single),
        expects_continue=_expects_continue(single),
        json_bytes=_json_bytes(forwarded),
        coding=forwarded.get(b"Content-Encoding", b"").lower(),
        timeout_s=_timeout_s(single),
        forwarded=_lines(forwarded),
        tracestate=b"" if tracestate is None else b"Tracestate: %b\r\n" % tracestate,
    )


def _lines(forwarded: dict[bytes, bytes]) -> bytes:
    lines = b"".join(b"%b: %b\r\n" % field for field in forwarded.items())
    return lines if b"Accept-Encoding" in forwarded else lines + PLAIN


def check_size(value: bytes) -> None:
    """Raise HeadersTooLarge for the value of a field that is too long."""
    if len(value) > MAX_FIELD_BYTES:
        raise HeadersTooLarge(f"A field has {len(value)} bytes; at most {MAX_FIELD_BYTES}.")


def given_twice(field: bytes) -> MalformedRequest:
    """The error for a field that two parsers could read differently."""
    return MalformedRequest(f"The field {field.decode()} is given twice; once only.")


def _sort(headers: list[Header]) -> tuple[dict[bytes, bytes], dict[bytes, bytes]]:
    single: dict[bytes, bytes] = {}
    forwarded: dict[bytes, bytes] = {}
    for name, value in headers:
        check_size(value)
        field = name.lower()
        if field in FORWARDED:
            _add_forwarded(forwarded, FORWARDED[field], value.strip(b" \t"))
        elif field in _SINGLE:
            if field in single:
                raise given_twice(field)
            single[field] = value.strip(b" \t")
        elif field == b"connection":
            _check_connection(value)
    return single, forwarded


def _add_forwarded(forwarded: dict[bytes, bytes], name: bytes, value: bytes) -> None:
    if name not in forwarded:
        forwarded[name] = value
    elif name in _LISTS:
        forwarded[name] += b", " + value
    else:
        raise given_twice(name)


def _check_connection(value: bytes) -> None:
    """A client must not have the gateway delete a field that decides what the request means."""
    for option in value.lower().split(b","):
        option = option.strip(b" \t")
        if option not in _USUAL_CONNECTION and option in _END_TO_END:
            raise MalformedRequest(
                f"The Connection field names {option.decode()}, which is not for this hop only."
            )


def _is_chunked(single: dict[bytes, bytes]) -> bool:
    coding = single.get(b"transfer-encoding")
    if coding is None:
        return False
    if coding.lower() != b"chunked":
        raise MalformedRequest("Transfer-Encoding other than chunked is not accepted.")
    return True


def _expects_continue(single: dict[bytes, bytes]) -> bool:
    expectation = single.get(b"expect")
    if expectation is None:
        return False
    if expectation.lower() != b"100-continue":
        raise MalformedRequest("The only expectation that can be met is 100-continue.")
    return True


def _json_bytes(forwarded: dict[bytes, bytes]) -> int | None:
    given = forwarded.get(b"Inference-Header-Content-Length")
    if given is None:
        return None
    if not (given.isdigit() and len(given) <= 10):
        raise MalformedRequest(
            "Inference-Header-Content-Length is not a number; send the size of the JSON in bytes."
        )
    return int(given)


def _timeout_s(single: dict[bytes, bytes]) -> float | None:
    given = single.get(TIMEOUT)
    if given is None:
        return None
    # isdigit() knows ASCII digits only in bytes: no sign, no point.
    if not (given.isdigit() and len(given) <= 9 and 0 < int(given) <= MAX_TIMEOUT_MS):
        raise MalformedRequest(
            f"X-Conch-Timeout-Ms is {given[:20].decode('latin-1')!a}; "
            f"send whole milliseconds from 1 to {MAX_TIMEOUT_MS}."
        )
    return int(given) / 1000
