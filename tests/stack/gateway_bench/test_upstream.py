"""The upstream takes and gives as much as Triton would."""

import socket
from pathlib import Path

from stack.gateway_bench.traffic import ANSWER, LARGE_FLOATS, LARGE_IN, LARGE_OUT, tensor_of
from tests.stack.gateway_bench.servers import ask, stand


def test_a_large_tensor_is_answered_only_when_all_of_it_has_come(tmp_path: Path) -> None:
    body = tensor_of(LARGE_FLOATS).body
    head = f"POST /v2/models/{LARGE_IN}/infer HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}"
    with (
        stand(tmp_path) as place,
        socket.create_connection(("127.0.0.1", place.upstream.port)) as c,
    ):
        c.sendall(f"{head}\r\n\r\n".encode() + body[:-1])
        c.settimeout(0.3)
        try:
            early = c.recv(1)
        except TimeoutError:
            early = b""
        c.settimeout(10)
        c.sendall(body[-1:])
        assert early == b""
        assert ANSWER.encode() in c.recv(65536)


def test_a_large_answer_is_large(tmp_path: Path) -> None:
    with stand(tmp_path) as place:
        status, body = ask(place.upstream, "any", LARGE_OUT)
    assert (status, len(body)) == (200, len(tensor_of(LARGE_FLOATS).body))
