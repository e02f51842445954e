"""Where a caller's usage is counted."""

from gateway.usage.counts import Row


class Meter:
    """What one caller's requests to one model have used since it was opened.

    The sums stand in the object itself: with many keys in use each further object is memory to be
    fetched.
    """

    __slots__ = (
        "compute_us",
        "errors",
        "is_changed",
        "key",
        "model",
        "place",
        "refused",
        "requests",
        "samples",
        "size_bytes",
        "tenant",
    )

    def __init__(self, tenant: str, key: str, model: str) -> None:
        # Whether it may have counted since `Usage` was gathered last.
        self.is_changed = False
        # What each is, docs/usage.md says.
        self.requests = 0
        self.samples = 0
        self.size_bytes = 0
        self.compute_us = 0
        self.refused = 0
        self.errors = 0
        self.tenant = tenant
        self.key = key
        # The name that it is counted under; empty: it has none yet, and others count for it.
        self.model = model
        # Of its row among those of the open batch; -1: it has none.
        self.place = -1

    def row(self, hour_s: int) -> Row:
        """All that was counted, as used in this hour."""
        return (
            hour_s,
            self.tenant,
            self.key,
            self.model,
            self.requests,
            self.refused,
            self.errors,
            self.samples,
            self.size_bytes,
            self.compute_us,
        )

    def close(self) -> None:
        """It counts anew once it is opened again."""
        self.is_changed = False
        self.place = -1
        self.requests = self.samples = self.size_bytes = self.compute_us = 0
        self.refused = self.errors = 0
