"""A request that a second Triton gets as well, where the first has not begun to answer in time.

The first answer is the client's. The other's connection is closed, so that Triton cancels.
"""

import asyncio

from gateway.data.answer_reader import Answer
from gateway.data.forwarded import Client, Forwarded
from gateway.data.forwarding import Forwarding
from gateway.data.gate import Gate
from gateway.data.replicas.replica import Replica
from gateway.data.replicas.trip import Trip
from gateway.data.routes import Route
from gateway.data.upstream_connection import UpstreamConnection
from gateway.data.upstream_request import request_head
from gateway.errors import HttpError

_UNKNOWN = 404
_FAILED = 500


class Hedged(Forwarding):
    """One request on its way through Triton, or through two; the base class sees one of them.

    Time in Triton counts from the first, so nobody is charged for both.
    """

    __slots__ = ("_hedge", "_timer")

    def __init__(self, gate: Gate, client: Client, exchange: Forwarded, route: Route) -> None:
        super().__init__(gate, client, exchange, route)
        self._timer: asyncio.TimerHandle | None = None
        # Until it is decided whose answer the client gets.
        self._hedge: Hedge | None = None

    def on_connection(self, connection: UpstreamConnection) -> None:
        super().on_connection(connection)
        trip = self._trip
        # A compressed body may hold the number of a sequence where nobody looks for it.
        if isinstance(trip, Trip) and trip.may_hedge and not self._exchange.head.coding:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._gate.hedge_after_s, self._begin, trip, connection)

    def on_answer(self, answer: Answer, parts: list[bytes], *, complete: bool) -> None:
        if not self.answer_has_begun:
            hedge = self._hedge
            if hedge is not None and hedge.is_sent and hedge.trip.was_refused(answer.status):
                self._note(hedge.trip.next, answer.status)
                if not complete:
                    self._drop_answer()
                self._go_over(hedge)
                return
            self._end_race()
        super().on_answer(answer, parts, complete=complete)

    def on_lost(self, error: HttpError, *, unread: bool) -> None:
        hedge = self._hedge
        if hedge is None or not hedge.is_sent:
            self._end_race()
            super().on_lost(error, unread=unread)
            return
        self._gate.replicas.broke(hedge.trip.next)
        self._go_over(hedge)

    def let_go(self) -> None:
        self._end_race()
        super().let_go()

    # Called by the hedge.

    def on_hedge_unsent(self) -> None:
        """It got no connection."""
        self._lose()

    def on_hedge_lost(self, hedge: "Hedge", error: HttpError, *, unread: bool) -> None:
        """Its connection broke."""
        if hedge is not self._hedge:
            self.on_lost(error, unread=unread)
            return
        self._gate.replicas.broke(hedge.replica)
        self._lose()

    def on_hedge_answer(
        self, hedge: "Hedge", answer: Answer, parts: list[bytes], *, complete: bool
    ) -> None:
        """It has answered, or goes on to; a failure must not take the place of the first's word."""
        if hedge is self._hedge:
            if answer.status >= _FAILED or answer.status == _UNKNOWN:
                self._note(hedge.replica, answer.status)
                if not complete:
                    hedge.leave()
                self._lose()
                return
            self._drop_answer()
            self._go_over(hedge)
        self.on_answer(answer, parts, complete=complete)

    # The race.

    def _begin(self, trip: Trip, connection: UpstreamConnection) -> None:
        """The first has had its time."""
        self._timer = None
        replica = trip.choose_second() if connection.is_silent else None
        if replica is None:
            return
        assert trip.kept is not None
        body, exchange = b"".join(trip.kept), self._exchange
        head = request_head(
            self._route,
            replica.pool.authority,
            exchange.head,
            exchange.request_id,
            exchange.traceparent,
            body_bytes=len(body),
        )
        self._hedge = hedge = Hedge(self, trip, replica, head + body)
        replica.pool.acquire(hedge)

    def _go_over(self, hedge: "Hedge") -> None:
        """The first is out: what comes of the hedge is what the client gets."""
        self._hedge = None
        self._gate.replicas.hedges["won"] += 1
        self._replica = hedge.trip.next = hedge.replica
        self._connection = hedge.connection
        self.is_blocked = False
        self._exchange.regulate()

    def _end_race(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._hedge is not None:
            self._hedge.leave()
            self._lose()

    def _lose(self) -> None:
        self._hedge = None
        self._gate.replicas.hedges["lost"] += 1

    def _note(self, replica: Replica, status: int) -> None:
        """For the breakers."""
        self._gate.replicas.answered(replica, self._route, status)


class Hedge:
    """The second copy of a request; it tells the request what becomes of it.

    `trip.next` is who has the first.
    """

    __slots__ = ("_hedged", "_request", "connection", "replica", "trip")

    def __init__(self, hedged: Hedged, trip: Trip, replica: Replica, request: bytes) -> None:
        self._hedged = hedged
        self._request = request
        self.trip = trip
        self.replica = replica
        # None: it waits for one.
        self.connection: UpstreamConnection | None = None

    @property
    def is_sent(self) -> bool:
        return self.connection is not None

    def leave(self) -> None:
        """Nobody waits for it any longer."""
        if self.connection is None:
            self.replica.pool.give_up(self)
        else:
            self.connection.abort()

    # Called by the pool and its connection.

    def on_connection(self, connection: UpstreamConnection) -> None:
        self.connection = connection
        self.trip.note_second()
        connection.ask(self, self._request, is_all=True)

    def on_unavailable(self, error: HttpError) -> None:
        self._hedged.on_hedge_unsent()

    def on_lost(self, error: HttpError, *, unread: bool) -> None:
        self._hedged.on_hedge_lost(self, error, unread=unread)

    def on_answer(self, answer: Answer, parts: list[bytes], *, complete: bool) -> None:
        self._hedged.on_hedge_answer(self, answer, parts, complete=complete)

    def pause_sending(self) -> None:
        """All of it is written; nothing is held back."""

    def resume_sending(self) -> None:
        """As above."""
