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
        "gathering",
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
        # Of the gatherings of `Usage` the number of the one that it is noted for; 0: none.
        self.gathering = 0
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

    def add_sums(self, sums: list[int]) -> None:
        """Add the place and what was counted, in the order of a row."""
        sums.append(self.place)
        sums.append(self.requests)
        sums.append(self.refused)
        sums.append(self.errors)
        sums.append(self.samples)
        sums.append(self.size_bytes)
        sums.append(self.compute_us)

    def close(self) -> None:
        """It counts anew once it is opened again."""
        self.gathering = 0
        self.place = -1
        self.requests = self.samples = self.size_bytes = self.compute_us = 0
        self.refused = self.errors = 0
