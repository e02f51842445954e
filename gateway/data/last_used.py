"""Which keys were used, noted off the hot path and coarsely.

The worker writes the notes: `gateway/last_used_writer.py` takes them every few seconds.
"""

# A key in constant use is noted this often: with ten thousand of them in use, a note a minute each
# cost a worker a tenth of its requests' time.
NOTE_EVERY_S = 300.0


class LastUsed:
    """Uses that were noted and not yet written: one a key, so no more than keys are known."""

    def __init__(self) -> None:
        self._uses: dict[str, float] = {}

    def note(self, key_id: str, now_s: float) -> None:
        self._uses[key_id] = now_s

    def take(self) -> dict[str, float]:
        """Key id -> unix time of its last use, for each key noted since they were taken last."""
        uses, self._uses = self._uses, {}
        return uses
