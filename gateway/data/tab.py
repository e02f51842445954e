"""What a caller's requests to a model are held against and charged to.

It hangs on the principal, so that a request goes straight to it: with many keys in use each look
into a dictionary of all of them is memory to be fetched.
"""

from gateway.data.metrics import Series
from gateway.permissions import Permission
from gateway.quotas.decisions import Allowance
from gateway.usage.meter import Meter


class Tab(Meter):
    """The limits, the usage and the metrics of one caller's requests to one model."""

    __slots__ = ("allowance", "asked", "paid_us", "permitted", "series")

    def __init__(self, tenant: str, key: str, asked: str, allowance: Allowance | None) -> None:
        super().__init__(tenant, key, "")
        # The model as the path names it; empty: none, or none to count under.
        self.asked = asked
        # None: no limit of this caller's is one of this model.
        self.allowance = allowance
        # Time of Triton that limits were charged with beyond what was used: they take whole ms.
        self.paid_us = 0
        # What the caller was found to have last: its grants stay what they are.
        self.permitted: Permission | None = None
        # Where it counts for Prometheus; None: Triton has answered for no such model yet.
        self.series: Series | None = None
