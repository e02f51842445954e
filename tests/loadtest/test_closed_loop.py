"""The generator against small servers: what is not answered is an error."""

import asyncio
import os
import re
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from loadtest.closed_loop import Result, closed_loop, main
from loadtest.infer_body import InferBody

BODY = InferBody(b"{}", 2)
METADATA = b'{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1]}]}'
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
LAST = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
REFUSED = b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n"

Answer = Callable[[int], bytes | None]


def run(answer: Answer, *, seconds: float = 0.2) -> Result:
    """Load on a server that gives `answer(n)` to the n-th request of a connection, None: silence.

    Empty bytes end the connection.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = 0
        while await _request(reader):
            said = answer(number)
            number += 1
            if said == b"":
                break
            writer.write(said or b"")
        writer.close()

    return asyncio.run(_loaded(serve, seconds))


def test_a_whole_run_has_no_errors() -> None:
    result = run(lambda number: OK)
    assert (result.errors, result.dropped) == (0, 0)
    assert result.requests > 2
    assert result.seconds >= 0.2


def test_an_answer_that_is_not_200_is_an_error() -> None:
    result = run(lambda number: REFUSED)
    assert result.errors == result.requests > 0
    assert result.dropped == 0
    assert result.per_second == 0


def test_a_connection_that_breaks_off_is_an_error() -> None:
    result = run(lambda number: b"" if number == 3 else OK)
    assert (result.requests, result.errors, result.dropped) == (8, 2, 2)


def test_a_server_that_ends_the_connection_before_the_time_is_an_error() -> None:
    result = run(lambda number: LAST)
    assert (result.requests, result.errors, result.dropped) == (4, 2, 2)


def test_a_request_that_is_never_answered_is_an_error() -> None:
    result = run(lambda number: None if number else OK)
    assert (result.requests, result.errors, result.dropped) == (4, 2, 2)


def test_an_answer_that_is_not_http_is_an_error() -> None:
    result = run(lambda number: b"nonsense\r\n\r\n")
    assert (result.requests, result.errors, result.dropped) == (2, 2, 2)


@pytest.mark.parametrize(
    ("key", "sent"), [("ck_secret", b"\r\nAuthorization: Bearer ck_secret\r\n"), ("", b"")]
)
def test_the_command_reads_the_key_from_the_environment(key: str, sent: bytes) -> None:
    heads = asyncio.run(_typed(CONCH_API_KEY=key))
    # The first asks for the metadata.
    assert len(heads) > 1
    assert all(sent in head and (b"Authorization" in head) == bool(sent) for head in heads)


def test_the_command_takes_no_key_that_others_could_read(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["closed_loop", "--key", "ck_secret"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert "unrecognized arguments: --key" in capsys.readouterr().err


async def _typed(**environment: str) -> list[bytes]:
    """The command against a server that knows one model; the heads of its requests."""
    heads = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                heads.append(head)
                length = re.search(rb"Content-Length: (\d+)", head)
                await reader.readexactly(int(length[1]) if length else 0)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(METADATA))
                writer.write(METADATA)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "loadtest.closed_loop", "--url", url),
            *("--seconds", "0.2", "--connections", "1"),
            env=os.environ | environment,
            stdout=asyncio.subprocess.DEVNULL,
        )
        assert await process.wait() == 0
    return heads


async def _loaded(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]], seconds: float
) -> Result:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    async with server:
        return await closed_loop(
            url, "/", BODY, connections=2, seconds=seconds, key=None, patience_s=0.1
        )


async def _request(reader: asyncio.StreamReader) -> bool:
    try:
        await reader.readuntil(b"\r\n\r\n" + BODY.content)
    except (asyncio.IncompleteReadError, ConnectionError):
        return False
    return True
