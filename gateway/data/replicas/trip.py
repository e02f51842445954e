"""The way of one request among several Tritons: where it goes, and where it goes next.

A request is sent again only where that can do no harm, to another Triton, once; where none of it
was sent, twice. To send it to two at once (hedging) counts as sending it again.
"""

from gateway.data.body import HOLD_BYTES
from gateway.data.head import Head
from gateway.data.replicas.everywhere import Everywhere
from gateway.data.replicas.group import Replicas
from gateway.data.replicas.replica import Replica
from gateway.data.replicas.retries import HEDGING_SHARE
from gateway.data.replicas.sequences import Sequence, find_sequence
from gateway.data.routes import TENSOR_VERBS, Route
from gateway.errors import HttpError

MOST_UNSENT = 2
_UNKNOWN = 404
_UNAVAILABLE = 503


def begin_trip(
    group: Replicas, route: Route, head: Head, start: list[bytes]
) -> "Trip | Everywhere":
    """The way of one request; `start` is what of its body is there."""
    if route.changes_server and head.method == b"POST":
        return Everywhere(group)
    return Trip(group, route, head, start)


class Trip:
    """Where one request has been; `next` is where it is to go."""

    __slots__ = (
        "_group",
        "_is_get",
        "_route",
        "_sequence",
        "_tried",
        "_was_repeated",
        "kept",
        "names_triton",
        "next",
    )

    def __init__(self, group: Replicas, route: Route, head: Head, start: list[bytes]) -> None:
        self._group = group
        self._route = route
        self._tried: list[Replica] = []
        self._was_repeated = False
        # The body as it was sent; None: it is not all there any more.
        self.kept: list[bytes] | None = None
        # What one Triton says of itself is not true of all.
        self.names_triton = route.is_of_one
        group.budget.sent += 1
        self._sequence: Sequence | None = None
        if start and route.verb in TENSOR_VERBS:
            text = start[0] if len(start) == 1 else b"".join(start)
            self._sequence = find_sequence(text, head.json_bytes, head.coding)
        self._is_get = head.method == b"GET"
        if self._sequence is None:
            self.next: Replica = group.choose(route.model)
        else:
            self.next = group.choose_for(route.model, self._sequence)

    def keep(self, parts: list[bytes], size_bytes: int) -> None:
        """All of the body is sent now; hold it for a second time."""
        self.kept = parts if size_bytes <= HOLD_BYTES else None

    def goes_on_unsent(self) -> bool:
        """No connection could be had: whether it goes to another, `next`."""
        is_bound = self._sequence is not None and not self._sequence.starts
        if is_bound or self._was_repeated or len(self._tried) >= MOST_UNSENT:
            return False
        return self._go_on("unsent")

    def goes_on_unheard(self, *, is_silent: bool) -> bool:
        """The connection broke: whether it goes to another, `next`."""
        self._group.broke(self.next)
        if not (is_silent and self._is_idempotent and self._may_repeat):
            return False
        return self._go_on_within_budget("unheard")

    def goes_on_answered(self, status: int) -> bool:
        """It was answered: whether that means that it was not done, and it goes to another."""
        self._group.answered(self.next, self._route, status)
        if status < _UNKNOWN or not self.was_refused(status):
            return False
        return self._may_repeat and self._go_on_within_budget("refused")

    def was_refused(self, status: int) -> bool:
        """Whether an answer of this status means that nothing was done, and another may do it."""
        return status == _UNAVAILABLE or (status == _UNKNOWN and self._is_elsewhere())

    @property
    def may_hedge(self) -> bool:
        """Whether a second Triton may have it at the same time."""
        return self._route.verb == "infer" and self._may_repeat

    def choose_second(self) -> Replica | None:
        """Who is to have it beside `next`; None: nobody."""
        other = self._group.choose_spare(self._route.model, self.next)
        if other is None:
            self._group.hedges["nobody_left"] += 1
        elif not self._group.budget.take(HEDGING_SHARE):
            self._group.hedges["over_budget"] += 1
            return None
        return other

    def note_second(self) -> None:
        """It was sent to a second one, and so is not to be sent again."""
        self._was_repeated = True

    def explained(self, error: HttpError) -> HttpError:
        """The error as it is: one Triton stands for all."""
        return error

    def explained_body(self, status: int, parts: list[bytes]) -> list[bytes]:
        """What Triton says, as it says it."""
        return parts

    @property
    def _is_idempotent(self) -> bool:
        """Where nothing was heard a model may yet have run. Twice does no harm to an inference, but
        to a generated text, or what is set."""
        return self._is_get or self._route.is_list or self._route.verb == "infer"

    @property
    def _may_repeat(self) -> bool:
        return self._sequence is None and not self._was_repeated and self.kept is not None

    def _is_elsewhere(self) -> bool:
        """Whether this model is known to be at another; clients make names up."""
        model, here = self._route.model, self.next
        if not model:
            return False
        others = (other for other in self._group.all if other is not here)
        if not any(other.models is not None and model in other.models for other in others):
            return False
        self._group.lacked(here)
        return True

    def _go_on_within_budget(self, why: str) -> bool:
        if not self._group.budget.take():
            self._group.repeats["over_budget"] += 1
            return False
        self._was_repeated = True
        return self._go_on(why)

    def _go_on(self, why: str) -> bool:
        self._tried.append(self.next)
        other = self._group.choose_besides(self._route.model, self._tried)
        if other is None:
            self._group.repeats["nobody_left"] += 1
            return False
        self._group.repeats[why] += 1
        self.next = other
        if self._sequence is not None:
            self._group.pin(self._route.model, self._sequence, other)
        return True
