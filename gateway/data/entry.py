"""The way in of one request: route -> authenticate -> admit."""

import asyncio
from abc import ABC, abstractmethod
from enum import Enum, auto
from typing import Protocol

from gateway.data import forwarded
from gateway.data.auth import Principal
from gateway.data.authorize import authorize
from gateway.data.body import HOLD_BYTES, Body
from gateway.data.faults import answerable
from gateway.data.gate import Gate
from gateway.data.head import Head
from gateway.data.quotas import costs_of
from gateway.data.routes import LOAD_VERBS, READY, TENSOR_VERBS, Route, find_route
from gateway.data.settle import Caller
from gateway.data.tab import Tab
from gateway.errors import Draining, HttpError, UnsupportedCoding
from gateway.quotas.decisions import Allowance, Refusal, Reservation, Waiting
from gateway.quotas.holder import SLOT_WAIT_NS
from gateway.quotas.problems import problem_of


class Client(forwarded.Client, Caller, Protocol):
    """The connection that an exchange answers on."""

    # Whether it ends with the answer.
    is_retiring: bool

    def finished(self, *, keep_alive: bool) -> None: ...


class State(Enum):
    """How far an exchange is."""

    NEW = auto()
    LOOKING_UP = auto()
    # Of Triton's health.
    ASKING = auto()
    # The store of the limits is asked whether there is room.
    ADMITTING = auto()
    RECEIVING = auto()
    FORWARDING = auto()
    # Answered without Triton; what is left of the request's body is read and dropped.
    DISCARDING = auto()
    DONE = auto()


class Entry(ABC):
    """Decides whether a request goes on to `_receive`; what it waits for calls it back."""

    __slots__ = (
        "_client",
        "_gate",
        "_is_visible",
        "_lookup",
        "_state",
        "_token_hash",
        "_unpaid",
        "_waiting",
        "body",
        "head",
        "principal",
        "reservation",
        "route",
        "tab",
        "target",
        "token",
    )

    def __init__(
        self,
        gate: Gate,
        client: Client,
        head: Head,
        target: bytes,
        token: bytes,
        token_hash: bytes,
    ) -> None:
        self.head = head
        self.target = target
        self.token = token
        self._token_hash = token_hash
        self.body = Body(head.body_bytes)
        self.route: Route | None = None
        self.principal: Principal | None = None
        self.tab: Tab | None = None
        self._gate = gate
        self._client = client
        self._state = State.NEW
        self._lookup: asyncio.Task[None] | None = None
        # Whether the caller may know of the model.
        self._is_visible = False
        # Its limits, while its body has yet to show what it takes of them.
        self._unpaid: Allowance | None = None
        self._waiting: Waiting | None = None
        self.reservation: Reservation | None = None

    @abstractmethod
    def set_deadline(self, seconds: float) -> None:
        """The next `expire` comes after so long, or when the whole request has taken too long."""

    @abstractmethod
    def _ask_health(self, route: Route) -> None: ...

    @abstractmethod
    def _receive(self) -> None:
        """Admitted: now the body is welcome."""

    @abstractmethod
    def _deny_model(self, route: Route) -> None: ...

    @abstractmethod
    def _refuse(self, error: HttpError) -> None: ...

    def _enter(self) -> None:
        """The request's head is there: decide on it."""
        gate, head = self._gate, self.head
        try:
            self.route = route = find_route(head.method, self.target)
            if route.path == READY and not gate.is_ready:
                raise Draining("This gateway ends soon; send to another, or in a while again.")
            if route.permission is None:
                self._ask_health(route)
                return
            principal = gate.authenticator.known(self.token, self._client.peer, self._token_hash)
            if principal is None:
                self._look_up(route)
            else:
                self._admit(route, principal)
        except Exception as error:
            self._refuse(answerable(error))

    def _admit(self, route: Route, principal: Principal) -> None:
        """Whoever calls is known: may they do this, and how much is left to them?"""
        gate = self._gate
        self.principal = principal
        tab = principal.tab
        if tab is None or tab.asked is not route.model or route.verb in LOAD_VERBS:
            tab = gate.tabs.of(principal, route)
        self.tab = tab
        self._expect_body(route)
        if tab.permitted is route.permission:
            self._is_visible = True
        else:
            self._is_visible = authorize(route, principal.grants)
            if self._is_visible:
                tab.permitted = route.permission
        if tab.allowance is not None:
            self._ask_limits(route, tab.allowance)
        else:
            self._go_on(route)

    def _ask_limits(self, route: Route, allowance: Allowance) -> None:
        if not self._shows_cost(route, allowance):
            self._await_cost(route, allowance)
        else:
            self._reserve(route, allowance)

    def _shows_cost(self, route: Route, allowance: Allowance) -> bool:
        """Whether what it takes is known: its samples show only in its body."""
        body = self.body
        if not allowance.counts_samples or route.verb != "infer":
            return True
        if body.has_arrived:
            body.look()
        return body.has_shown_samples

    def _await_cost(self, route: Route, allowance: Allowance) -> None:
        # What is certain to be refused is not to be sent at all.
        refusal = self._gate.quotas.foresee(allowance, (1, 1, self.body.size_bytes, 0))
        if refusal is not None:
            raise problem_of(refusal)
        self._unpaid = allowance
        self._go_on(route)

    def _reserve(self, route: Route, allowance: Allowance) -> None:
        """All that it takes of all its limits, or nothing of any."""
        self._unpaid = None
        costs = costs_of(route, self.body, allowance, self._gate.estimates)
        outcome = self._gate.quotas.admit(allowance, costs, self._decided, self._slot_wait_ns())
        if isinstance(outcome, Reservation):
            self.reservation = outcome
            self._go_on(route)
        elif isinstance(outcome, Refusal):
            raise problem_of(outcome)
        else:
            self._state = State.ADMITTING
            self._waiting = outcome
            self.set_deadline(self._gate.times.upstream_s)

    def _slot_wait_ns(self) -> int:
        """A client that waits for a time of its own is to hear within it that there is none."""
        limit_s = self.head.timeout_s
        return SLOT_WAIT_NS if limit_s is None else min(SLOT_WAIT_NS, int(limit_s * 0.5e9))

    def _decided(self, outcome: Reservation | Refusal) -> None:
        """The store of the limits has answered."""
        assert self.route is not None
        self._waiting = None
        try:
            if isinstance(outcome, Refusal):
                raise problem_of(outcome)
            self.reservation = outcome
            self._go_on(self.route)
        except Exception as error:
            self._refuse(answerable(error))

    def _go_on(self, route: Route) -> None:
        if self._is_visible:
            self._receive()
        else:
            self._deny_model(route)

    def _expect_body(self, route: Route) -> None:
        if self.head.body_bytes == 0:
            return
        is_tensors = route.verb in TENSOR_VERBS
        gate = self._gate
        max_bytes = gate.max_body_bytes if is_tensors else HOLD_BYTES
        self.body.limit(max_bytes, gate.max_json_bytes)
        coding = self.head.coding
        if route.verb in LOAD_VERBS and coding:
            raise UnsupportedCoding("This body is read here; send it without Content-Encoding.")
        self.body.guard(coding, self.head.json_bytes if route.verb == "infer" else None)

    # A key that this worker has not seen.

    def _look_up(self, route: Route) -> None:
        self._state = State.LOOKING_UP
        self.set_deadline(self._gate.times.upstream_s)
        self._lookup = asyncio.get_running_loop().create_task(self._ask_records(route))

    async def _ask_records(self, route: Route) -> None:
        try:
            principal = await self._gate.authenticator.look_up(self.token, self._client.peer)
            self._lookup = None
            self._admit(route, principal)
        except Exception as error:
            self._lookup = None
            self._refuse(answerable(error))

    def _stop_entering(self) -> None:
        """Nobody waits for the outcome any more."""
        if self._lookup is not None:
            self._lookup.cancel()
            self._lookup = None
        if self._waiting is not None:
            self._gate.quotas.leave(self._waiting)
            self._waiting = None
