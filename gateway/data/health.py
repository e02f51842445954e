"""Triton's health for everybody: one question at a time, its answer for all who ask meanwhile.

Health needs no key, so anybody may ask any number of times; Triton hears of it now and then. Of
several Tritons one that is well is enough; they are asked in turn.
"""

from collections.abc import Callable
from typing import Protocol

from gateway.data.answer_reader import Answer
from gateway.data.fields import PLAIN
from gateway.data.head import Head
from gateway.data.replicas.group import Replicas
from gateway.data.replicas.replica import Replica
from gateway.data.routes import Route
from gateway.data.trace import new_traceparent
from gateway.data.upstream_connection import UpstreamConnection
from gateway.data.upstream_request import request_head
from gateway.errors import HttpError, UpstreamFailed

FRESH_S = 0.5
MAX_BODY_BYTES = 4096
_OK = 200
_HEAD = Head(
    method=b"GET",
    keep_alive=True,
    is_http_1_0=False,
    request_id=b"",
    body_bytes=0,
    expects_continue=False,
    json_bytes=None,
    coding=b"",
    traceparent=b"",
    forwarded=PLAIN,
)


class Asker(Protocol):
    """A request for health."""

    request_id: bytes

    def on_health(self, answer: Answer, body: bytes) -> None: ...
    def failed(self, error: HttpError) -> None: ...


class Health:
    """What Triton says on one path. `tick_s` tells the time, roughly."""

    def __init__(self, replicas: Replicas, route: Route, tick_s: Callable[[], float]) -> None:
        self._replicas = replicas
        # Who is asked now, and who is if that one is not well.
        self._replica: Replica | None = None
        self._left: list[Replica] = []
        self._route = route
        self._tick_s = tick_s
        self._askers: dict[Asker, None] = {}
        self._is_asking = False
        self._is_second_try = False
        self._connection: UpstreamConnection | None = None
        self._parts: list[bytes] = []
        self._told: tuple[Answer, bytes] | None = None
        self._told_s = 0.0

    def ask(self, asker: Asker) -> None:
        """Call back with what Triton says; at once if it was said a moment ago."""
        if self._told is not None and self._tick_s() - self._told_s < FRESH_S:
            asker.on_health(*self._told)
            return
        self._askers[asker] = None
        if not self._is_asking:
            self._is_asking = True
            self._left = sorted(self._replicas.all, key=lambda one: not one.standing.is_usable)
            self._ask_next()

    def leave(self, asker: Asker) -> None:
        """The asker waits no longer; without any the question is dropped."""
        self._askers.pop(asker, None)
        if self._askers or not self._is_asking:
            return
        self._is_asking = False
        if self._connection is None:
            self._asked.pool.give_up(self)
        else:
            self._connection.abort()
            self._connection = None

    @property
    def _asked(self) -> Replica:
        assert self._replica is not None
        return self._replica

    def _ask_next(self) -> None:
        self._is_second_try = False
        self._replica = self._left.pop(0)
        self._replica.pool.acquire(self)

    # Called by the pool and its connection.

    def on_connection(self, connection: UpstreamConnection) -> None:
        self._connection = connection
        self._parts = []
        asker = next(iter(self._askers))
        authority = self._asked.pool.authority
        head = request_head(
            self._route, authority, _HEAD, asker.request_id, new_traceparent(), body_bytes=0
        )
        connection.ask(self, head, is_all=True)

    def on_unavailable(self, error: HttpError) -> None:
        self._fail(error)

    def on_lost(self, error: HttpError, *, unread: bool) -> None:
        self._connection = None
        if unread and not self._is_second_try:
            # Closed while it was idle.
            self._is_second_try = True
            self._asked.pool.acquire(self)
        else:
            self._fail(error)

    def on_answer(self, answer: Answer, parts: list[bytes], *, complete: bool) -> None:
        self._parts += parts
        body = b"".join(self._parts)
        if len(body) > MAX_BODY_BYTES:
            if not complete and self._connection is not None:
                self._connection.abort()
            self._fail(UpstreamFailed(f"Triton's health has over {MAX_BODY_BYTES} bytes."))
        elif complete and answer.status != _OK and self._left:
            self._connection = None
            self._ask_next()
        elif complete:
            self._told, self._told_s = (answer, body), self._tick_s()
            for asker in self._end():
                asker.on_health(answer, body)

    def pause_sending(self) -> None:
        """The question is short; nothing of it is held back."""

    def resume_sending(self) -> None:
        """As above."""

    def _fail(self, error: HttpError) -> None:
        self._connection = None
        if self._left:
            self._ask_next()
            return
        for asker in self._end():
            asker.failed(error)

    def _end(self) -> list[Asker]:
        self._connection = None
        self._is_asking = False
        askers, self._askers = list(self._askers), {}
        return askers
