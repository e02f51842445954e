"""Which holdings a request draws on."""

import fnmatch
from weakref import WeakValueDictionary

from gateway.limits import Limit
from gateway.quotas.decisions import Allowance
from gateway.quotas.holding import Holding
from gateway.quotas.protocol import Kind, kind_of


class Allowances:
    """Makes allowances; a holding is one object however many of them name it."""

    def __init__(self) -> None:
        # A holding stays while it has a lease (its holder sees to that), or an allowance.
        self._holdings: WeakValueDictionary[tuple[str, Kind], Holding] = WeakValueDictionary()

    def of(self, limits: tuple[Limit, ...], model: str) -> Allowance:
        """The allowance of a caller, whose limits these are, with this model."""
        matching = (limit for limit in limits if fnmatch.fnmatchcase(model, limit.models))
        return Allowance(tuple(map(self._holding, matching)))

    def _holding(self, limit: Limit) -> Holding:
        key = limit.id, kind_of(limit)
        holding = self._holdings.get(key)
        if holding is None:
            holding = self._holdings[key] = Holding(limit)
        elif holding.limit != limit:
            holding.change(limit)
        return holding
