"""Looks after the Tritons each second: are they live, which models are ready, what to count."""

import asyncio
from collections.abc import Callable

import msgspec
import structlog

from gateway.data.replicas.ejection import State
from gateway.data.replicas.group import Replicas
from gateway.data.replicas.question import ask
from gateway.data.replicas.replica import Replica
from gateway.errors import HttpError

INTERVAL_S = 1.0
# Of sound Tritons so many are asked in a round, in turn: each question is a new connection, and of
# many at once every second the requests would be as late.
MOST_A_ROUND = 16
# Between two looks at which models are ready at one, in rounds, at least.
INDEX_EVERY = 3
PROBE_TIMEOUT_S = 2.0
FIRST_LOOK_S = 3.0
INDEX_TIMEOUT_S = 10.0
_LIVE = "/v2/health/live"
_INDEX = "/v2/repository/index"
_ONLY_READY = b'{"ready":true}'
_OK = 200

_log = structlog.get_logger()


class _Entry(msgspec.Struct):
    name: str


class Watch:
    """With one Triton nothing is asked: there is no other to send requests to."""

    def __init__(self, group: Replicas, publish: Callable[[Replicas], None]) -> None:
        self._group = group
        self._publish = publish
        self._asking: set[asyncio.Task[None]] = set()
        self._round = 0
        # Among all Tritons, the place of the one whose turn is next.
        self._first = 0
        self._is_failing = False
        group.on_suspicion = self._begin

    async def begin(self) -> None:
        """Look once, so that the first request already goes where its model is."""
        self.look()
        if self._asking:
            await asyncio.wait(self._asking, timeout=FIRST_LOOK_S)

    async def run(self) -> None:
        """Go on until cancelled."""
        try:
            while True:
                await asyncio.sleep(INTERVAL_S)
                self.look()
        finally:
            for task in self._asking:
                task.cancel()

    def look(self) -> None:
        """One round; the questions go on beside it."""
        self._group.pass_time()
        self._tell()
        self._round += 1
        if self._group.only is not None:
            return
        replicas = self._group.all
        first = self._first % len(replicas)
        self._first = first + MOST_A_ROUND
        for place, replica in enumerate(replicas):
            is_its_turn = (place - first) % len(replicas) < MOST_A_ROUND
            if is_its_turn and self._round >= replica.indexed_round + INDEX_EVERY:
                replica.is_index_due = True
                replica.indexed_round = self._round
            # Not known to be live and to have what it should: asked in each round.
            if is_its_turn or replica.is_index_due or not replica.standing.is_sound:
                self._begin(replica)

    def _tell(self) -> None:
        try:
            self._publish(self._group)
        except Exception as error:  # a full disk, most likely; looking goes on
            if not self._is_failing:
                _log.error("metrics_not_published", error=repr(error))
            self._is_failing = True
        else:
            self._is_failing = False

    def _begin(self, replica: Replica) -> None:
        if replica.is_being_asked:
            return
        replica.is_being_asked = True
        task = asyncio.get_running_loop().create_task(look_at(self._group, replica))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)


async def look_at(group: Replicas, replica: Replica) -> None:
    """Ask one Triton whether it is live and what is ready there, and draw the consequences."""
    try:
        await _ask_health(group, replica)
    except Exception as error:  # whatever it is, the next round is to come
        _log.error("triton_not_looked_at", triton=replica.name, exc_info=error)
    finally:
        replica.is_being_asked = False


async def _ask_health(group: Replicas, replica: Replica) -> None:
    try:
        reply = await ask(replica.asking, "GET", _LIVE, timeout_s=PROBE_TIMEOUT_S)
    except HttpError as error:
        # Refused, or closed at once, as by a Triton that was told to end.
        group.eject(replica, str(error))
        return
    except TimeoutError:
        _missed(group, replica, "it does not say that it is live")
        return
    if reply.status != _OK:
        _missed(group, replica, f"it says {reply.status} on {_LIVE}")
        return
    standing = replica.standing
    standing.missed = 0
    if replica.is_index_due or standing.state is State.PROBING:
        group.know_models(replica, await _ready_models(replica))
    if standing.state is State.PROBING:
        group.take_back(replica)


def _missed(group: Replicas, replica: Replica, reason: str) -> None:
    if replica.standing.missed_question():
        group.eject(replica, reason)


async def _ready_models(replica: Replica) -> frozenset[str] | None:
    """The models that are ready there; None where it does not tell."""
    try:
        reply = await ask(replica.asking, "POST", _INDEX, _ONLY_READY, timeout_s=INDEX_TIMEOUT_S)
        if reply.status != _OK:
            return None
        return frozenset(entry.name for entry in msgspec.json.decode(reply.body, type=list[_Entry]))
    except (HttpError, TimeoutError, msgspec.DecodeError):
        return None
