"""What a caller's requests to a model are held against and charged to: found once, remembered.

It hangs on the principal, so that a request goes straight to it: with many keys in use each look
into a dictionary of all of them is memory to be fetched.
"""

from collections import deque

from gateway.data.metrics import Series
from gateway.data.principal import Principal
from gateway.data.routes import LOAD_VERBS, Route
from gateway.permissions import Permission
from gateway.quotas.allowances import Allowances
from gateway.quotas.decisions import Allowance
from gateway.usage.tally import Meter

# About a kB each, beside the limits; one that is needed again is made again.
MAX_TABS = 50_000
# Clients make names up, and a path has room for 8 kB; a model's is that of a folder.
MAX_NAME_CHARACTERS = 255


class Tab(Meter):
    """The limits, the usage and the metrics of one caller's requests to one model."""

    __slots__ = ("allowance", "asked", "permitted", "series")

    def __init__(self, principal: Principal, asked: str, allowance: Allowance | None) -> None:
        super().__init__(principal.tenant, principal.id, "")
        # The model as the path names it; empty: none, or none to count under.
        self.asked = asked
        # None: no limit of this caller's is one of this model.
        self.allowance = allowance
        # What the caller was found to have last: its grants stay what they are.
        self.permitted: Permission | None = None
        # Where it counts for Prometheus; None: Triton has answered for no such model yet.
        self.series: Series | None = None


class Tabs:
    """All tabs of a worker; beyond a bound the oldest is forgotten."""

    def __init__(self, allowances: Allowances) -> None:
        self._allowances = allowances
        self._all: deque[tuple[Principal, Tab]] = deque()

    def __len__(self) -> int:
        return len(self._all)

    def of(self, principal: Principal, route: Route) -> Tab:
        """The tab for this caller's requests to this model."""
        model = route.model
        if route.verb in LOAD_VERBS:
            # Triton unloads a model that does not exist with success: no name comes of it.
            return self._new(principal, model, asked="")
        tab = principal.tabs.get(model) or self._open(principal, model)
        principal.tab = tab
        return tab

    def _open(self, principal: Principal, model: str) -> Tab:
        tab = self._new(principal, model, asked=model)
        if len(model) > MAX_NAME_CHARACTERS:
            return tab
        if len(self._all) >= MAX_TABS:
            whose, oldest = self._all.popleft()
            del whose.tabs[oldest.asked]
            if whose.tab is oldest:
                whose.tab = None
        principal.tabs[model] = tab
        self._all.append((principal, tab))
        return tab

    def _new(self, principal: Principal, model: str, *, asked: str) -> Tab:
        allowance = self._allowances.of(principal.limits, model) if principal.limits else None
        return Tab(principal, asked, allowance if allowance and allowance.holdings else None)
