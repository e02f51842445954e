"""Where a caller's usage is counted."""

from gateway.usage.tally import Tally


class Meter:
    """Where one caller's requests to one model are counted, tally after tally."""

    __slots__ = ("key", "model", "tally", "tenant")

    def __init__(self, tenant: str, key: str, model: str) -> None:
        self.tenant = tenant
        self.key = key
        # The name that it is counted under.
        self.model = model
        # None: nothing was counted since it was closed last, or the model has no name.
        self.tally: Tally | None = None

    def rename(self, model: str) -> None:
        """Count under another name from here on; what was counted keeps its own."""
        self.model = model
        self.tally = None
