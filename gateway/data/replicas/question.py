"""A question that the gateway itself has for one Triton, with an answer to wait for."""

import asyncio
from dataclasses import dataclass

from gateway.data.answer_reader import Answer
from gateway.data.model_lists import MAX_LIST_BYTES
from gateway.data.upstream import Pool
from gateway.data.upstream_connection import UpstreamConnection
from gateway.errors import HttpError, UpstreamFailed


@dataclass(frozen=True, slots=True)
class Reply:
    """What Triton said."""

    status: int
    body: bytes


async def ask(pool: Pool, method: str, path: str, body: bytes = b"", *, timeout_s: float) -> Reply:
    """Triton's answer, on a connection of its own. Raises HttpError or TimeoutError."""
    question = _Question(pool, method, path, body)
    try:
        async with asyncio.timeout(timeout_s):
            return await question.reply
    finally:
        question.leave()


class _Question:
    def __init__(self, pool: Pool, method: str, path: str, body: bytes) -> None:
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {pool.name}\r\n"
            f"Accept-Encoding: identity\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self.reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._pool = pool
        self._request = head.encode() + body
        self._connection: UpstreamConnection | None = None
        self._parts: list[bytes] = []
        self._size_bytes = 0
        pool.acquire(self)

    def leave(self) -> None:
        """Nobody waits any longer."""
        if self._connection is not None:
            self._connection.abort()
        else:
            self._pool.give_up(self)

    def on_connection(self, connection: UpstreamConnection) -> None:
        self._connection = connection
        connection.ask(self, self._request, is_all=True)

    def on_unavailable(self, error: HttpError) -> None:
        self._fail(error)

    def on_lost(self, error: HttpError, *, unread: bool) -> None:
        self._connection = None
        self._fail(error)

    def on_answer(self, answer: Answer, parts: list[bytes], *, complete: bool) -> None:
        self._parts += parts
        self._size_bytes += sum(map(len, parts))
        if self._size_bytes > MAX_LIST_BYTES:
            self._fail(UpstreamFailed(f"Triton's answer has over {MAX_LIST_BYTES} bytes."))
        elif complete:
            self._connection = None
            if not self.reply.done():
                self.reply.set_result(Reply(answer.status, b"".join(self._parts)))

    def pause_sending(self) -> None:
        """The question is short; nothing of it is held back."""

    def resume_sending(self) -> None:
        """As above."""

    def _fail(self, error: HttpError) -> None:
        if not self.reply.done():
            self.reply.set_exception(error)
