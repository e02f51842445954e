"""Finds the tab of a caller and a model, and remembers it, up to a bound."""

from collections import deque

from gateway.data.principal import Principal
from gateway.data.routes import LOAD_VERBS, Route
from gateway.data.tab import Tab
from gateway.quotas.allowances import Allowances

# About a kB each, beside the limits; one that is needed again is made again.
MAX_TABS = 50_000


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
        return Tab(
            principal.tenant,
            principal.id,
            asked,
            allowance if allowance and allowance.holdings else None,
        )
