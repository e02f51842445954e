"""The body of one request: counted, looked at, and held until it is taken."""

from gateway.data.inflation import Inflation, check_coding
from gateway.data.json_guard import JsonGuard, check_whole
from gateway.errors import BodyTooLarge

# Bodies up to this size are held and sent in one write with their head, larger ones streamed.
HOLD_BYTES = 64 * 1024
MAX_PARTS = 64


class Body:
    """Parts come by `receive`, which only stores; `look` makes them ready to be taken."""

    __slots__ = (
        "_declared_bytes",
        "_guard",
        "_inflation",
        "_is_guarded",
        "_json_bytes",
        "_looked_at",
        "_max_bytes",
        "_max_json_bytes",
        "_new",
        "_ready",
        "has_arrived",
        "held_bytes",
        "ready_bytes",
        "received_bytes",
        "samples",
    )

    def __init__(self, declared_bytes: int | None) -> None:
        self.received_bytes = 0
        # Of an inference, as far as it was looked at: 0 before that, and final once the shapes have
        # come. Those of tensors in binary form come first, others mostly before their data.
        self.samples = 0
        # All of it has come from the client.
        self.has_arrived = False
        self.ready_bytes = 0
        # What waits here, looked at or not; the rest is still to come or has been taken.
        self.held_bytes = 0
        self._declared_bytes = declared_bytes
        self._new: list[bytes] = []
        # Parts that are being inflated.
        self._looked_at: list[bytes] = []
        self._ready: list[bytes] = []
        self._max_bytes = 0
        self._max_json_bytes = 0
        self._is_guarded = False
        self._json_bytes: int | None = None
        self._guard: JsonGuard | None = None
        self._inflation: Inflation | None = None

    def limit(self, max_bytes: int, max_json_bytes: int) -> None:
        """Say how large it may be, as it comes and inflated. Raises BodyTooLarge at once if it can.

        What is looked at before has no limit: it is dropped anyway.
        """
        self._max_bytes = max_bytes
        self._max_json_bytes = min(max_json_bytes, max_bytes)
        if max(self._declared_bytes or 0, self.received_bytes) > max_bytes:
            raise self._too_large()

    def guard(self, coding: bytes, json_bytes: int | None) -> None:
        """Have the JSON in it looked at: its first `json_bytes`, or all where that is None.

        Raises UnsupportedCoding.
        """
        self._is_guarded = True
        self._json_bytes = json_bytes
        if check_coding(coding):
            self._inflation = Inflation(self._max_bytes)

    @property
    def size_bytes(self) -> int:
        """As far as it is known: what was declared, or what has come."""
        return self._declared_bytes or self.received_bytes

    @property
    def has_shown_samples(self) -> bool:
        """Whether so much of it was looked at that `samples` is what it will be."""
        return self.ready_bytes > 0 or self.is_whole

    @property
    def is_whole(self) -> bool:
        """Whether all of it has come and was looked at."""
        return self.has_arrived and not self._new and not self._looked_at

    @property
    def is_pending(self) -> bool:
        """Whether `look` must be called again, though nothing new has come."""
        return bool(self._looked_at)

    def receive(self, part: bytes) -> None:
        self.received_bytes += len(part)
        self.held_bytes += len(part)
        self._new.append(part)
        if len(self._new) > MAX_PARTS:
            # Many tiny parts take more memory than what they hold.
            self._new = [b"".join(self._new)]

    def look(self) -> None:
        """Look at what is new, as far as one step goes. Raises the error that refuses the body."""
        if self.received_bytes > self._max_bytes:
            raise self._too_large()
        if not self.has_arrived and self.received_bytes <= HOLD_BYTES:
            # It may soon be there in one piece, which is looked at faster.
            return
        new, self._new = self._new, []
        if self._inflation is not None:
            self._inflate(new, self._inflation)
        elif new:
            self._look_at(new)
            self._make_ready(new)

    @property
    def ready(self) -> list[bytes]:
        """The parts that are ready, which stay so."""
        return self._ready

    def take(self) -> list[bytes]:
        """The parts that are ready, in order; each comes once."""
        ready, self._ready = self._ready, []
        self.held_bytes -= self.ready_bytes
        self.ready_bytes = 0
        return ready

    def replace(self, body: bytes) -> None:
        """Hold this in place of what was taken."""
        self.held_bytes += len(body)
        self._make_ready([body])

    def discard(self) -> None:
        """Drop what is held."""
        self._new.clear()
        self._looked_at.clear()
        self._ready.clear()
        self.ready_bytes = self.held_bytes = 0

    def _look_at(self, new: list[bytes]) -> None:
        if not self._is_guarded:
            return
        if self._guard is None:
            if self.has_arrived:
                whole = new[0] if len(new) == 1 else b"".join(new)
                self.samples = check_whole(whole, self._json_bytes)
                return
            declared = self._declared_bytes
            self._guard = self._new_guard(self._max_bytes if declared is None else declared)
        for part in new:
            self._guard.piece(part)
        self.samples = self._guard.samples
        if self.has_arrived:
            self._guard.end(self.received_bytes)

    def _inflate(self, new: list[bytes], inflation: Inflation) -> None:
        guard = self._guard = self._guard or self._new_guard(self._max_bytes)
        self._looked_at += new
        for part in new:
            inflation.add(part)
        if inflation.is_pending:
            guard.piece(inflation.step())
            self.samples = guard.samples
        if not inflation.is_pending:
            if self.has_arrived:
                guard.end(inflation.inflated_bytes)
            parts, self._looked_at = self._looked_at, []
            self._make_ready(parts)

    def _new_guard(self, max_elements: int) -> JsonGuard:
        return JsonGuard(self._json_bytes, max_elements, max_json_bytes=self._max_json_bytes)

    def _make_ready(self, parts: list[bytes]) -> None:
        self._ready += parts
        self.ready_bytes += len(parts[0]) if len(parts) == 1 else sum(map(len, parts))

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(
            f"The body has over {self._max_bytes} bytes; send less, "
            "or have CONCH_MAX_BODY_BYTES raised."
        )
