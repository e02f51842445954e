"""A body and an answer far larger than what the worker may hold."""

import http.client
import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter

from tests.gateway.conftest import RunningGateway
from tests.gateway.long_runs.parts import MIB, gateway_before_fake_server, peak_bytes

PATIENCE_S = 60.0
# What a slow reader's kernel takes for it.
SMALL_BUFFER_BYTES = 16 * 1024


@dataclass(frozen=True)
class Large:
    """One way to move much through the worker, and the most memory it took until then."""

    way: str
    size_bytes: int
    seconds: float
    before_bytes: int
    peak_bytes: int

    def __str__(self) -> str:
        return (
            f"{self.size_bytes / MIB:,.0f} MiB {self.way}: {self.seconds:.1f} s, peak of the "
            f"worker {self.peak_bytes / MIB:.1f} MiB, {self.before_bytes / MIB:.1f} MiB before"
        )


def large(size_bytes: int) -> Iterator[Large]:
    """Upload with a length, in chunks and as JSON, then download to a slow reader."""
    most = str(2 * size_bytes)
    limits = {"CONCH_MAX_BODY_BYTES": most, "CONCH_MAX_JSON_BYTES": most}
    with gateway_before_fake_server(**limits) as gateway:
        token = gateway.new_key().token
        for way, move in _WAYS.items():
            before, begun_s = peak_bytes(gateway.pid), perf_counter()
            move(gateway, token, size_bytes)
            seconds = perf_counter() - begun_s
            yield Large(way, size_bytes, seconds, before, peak_bytes(gateway.pid))


def _send_with_length(gateway: RunningGateway, token: str, size_bytes: int) -> None:
    _send_tensor(gateway, token, size_bytes, is_chunked=False)


def _send_in_chunks(gateway: RunningGateway, token: str, size_bytes: int) -> None:
    _send_tensor(gateway, token, size_bytes, is_chunked=True)


def _send_tensor(gateway: RunningGateway, token: str, size_bytes: int, *, is_chunked: bool) -> None:
    tensor = {"name": "X", "datatype": "FP32", "shape": [size_bytes // 4]}
    tensor |= {"parameters": {"binary_data_size": size_bytes}}
    text = json.dumps({"inputs": [tensor]}).encode()
    fields = {"Inference-Header-Content-Length": str(len(text))}
    if not is_chunked:
        fields["Content-Length"] = str(len(text) + size_bytes)
    _send(gateway, token, [text, *[bytes(MIB)] * (size_bytes // MIB)], fields)


def _send_json(gateway: RunningGateway, token: str, size_bytes: int) -> None:
    count = size_bytes // MIB
    numbers = b"0.25," * (MIB // 5)
    shape = b"[%d]" % (MIB // 5 * count + 1)
    begin = b'{"inputs":[{"name":"X","datatype":"FP32","shape":%b,"data":[' % shape
    _send(gateway, token, [begin, *[numbers] * count, b"0.25]}]}"], {})


def _send(gateway: RunningGateway, token: str, pieces: list[bytes], fields: dict[str, str]) -> None:
    """Ask for an inference; without a Content-Length the body goes in chunks."""
    fields = fields | {"Authorization": f"Bearer {token}"}
    is_chunked = "Content-Length" not in fields
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=PATIENCE_S)
    try:
        path = "/v2/models/echo/infer"
        connection.request("POST", path, iter(pieces), fields, encode_chunked=is_chunked)
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        assert json.loads(answer.read())["bytes"] == sum(map(len, pieces))
    finally:
        connection.close()


def _read_slowly(gateway: RunningGateway, token: str, size_bytes: int) -> None:
    body = b"%d" % size_bytes
    head = (
        f"POST /v2/models/huge/infer HTTP/1.1\r\nHost: gateway\r\n"
        f"Authorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER_BYTES)
        client.settimeout(PATIENCE_S)
        client.connect(("127.0.0.1", gateway.port))
        client.sendall(head.encode() + body)
        answer = http.client.HTTPResponse(client)
        answer.begin()
        assert answer.status == 200
        read_bytes = 0
        while piece := answer.read(SMALL_BUFFER_BYTES):
            read_bytes += len(piece)
        assert read_bytes == size_bytes, (read_bytes, answer.getheaders())


_WAYS: dict[str, Callable[[RunningGateway, str, int], None]] = {
    "sent with a length": _send_with_length,
    "sent in chunks": _send_in_chunks,
    "sent as JSON in chunks": _send_json,
    "read by a slow client": _read_slowly,
}
