"""Which holdings a request draws on: found once for a caller and a model, and remembered."""

import fnmatch
from weakref import WeakValueDictionary

from gateway.limits import Limit
from gateway.quotas.decisions import Allowance
from gateway.quotas.holding import Holding
from gateway.quotas.protocol import Kind, kind_of

# About 2 kB each, with the limits; one that is needed again is found again.
MAX_ALLOWANCES = 20_000
# Clients make names up, and a path has room for 8 kB; a model's is that of a folder.
MAX_NAME_CHARACTERS = 255


class Allowances:
    """Allowances by caller and model; a holding is one object however many allowances name it."""

    def __init__(self) -> None:
        self._allowances: dict[tuple[str, str], tuple[tuple[Limit, ...], Allowance]] = {}
        # A holding stays while it has a lease (its holder sees to that), or an allowance.
        self._holdings: WeakValueDictionary[tuple[str, Kind], Holding] = WeakValueDictionary()

    def get(self, principal: str, limits: tuple[Limit, ...], model: str) -> Allowance:
        """The allowance of this caller, whose limits these are, with this model.

        Limits that changed come as another tuple: the same one is not looked into again.
        """
        found = self._allowances.get((principal, model))
        if found is not None and found[0] is limits:
            return found[1]
        matching = (limit for limit in limits if fnmatch.fnmatchcase(model, limit.models))
        allowance = Allowance(tuple(map(self._holding, matching)))
        if len(model) > MAX_NAME_CHARACTERS:
            return allowance
        if found is None and len(self._allowances) >= MAX_ALLOWANCES:
            del self._allowances[next(iter(self._allowances))]
        self._allowances[principal, model] = limits, allowance
        return allowance

    def _holding(self, limit: Limit) -> Holding:
        key = limit.id, kind_of(limit)
        holding = self._holdings.get(key)
        if holding is None:
            holding = self._holdings[key] = Holding(limit)
        elif holding.limit != limit:
            holding.change(limit)
        return holding
