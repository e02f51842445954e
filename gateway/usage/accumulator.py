"""Counts usage in memory, for each request; `gateway/usage/writer.py` takes what was counted."""

import time
from collections.abc import Callable

from gateway.usage.counts import HOUR_S, Account, Batch, Counts


class Usage:
    """Counts of the hour that it is, by tenant, key and model, and those of hours just over."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._hour_s = 0
        self._hour_ends_s = 0.0
        # Dictionaries in each other: their strings know their hashes, and nothing is built.
        self._tenants: dict[str, dict[str, dict[str, Counts]]] = {}
        self._over: Batch = {}

    def counts(self, tenant: str, key: str, model: str) -> Counts:
        """Where to count now, and now alone: the next request may be another hour's."""
        if self._clock() >= self._hour_ends_s:
            self._begin_hour()
        try:
            return self._tenants[tenant][key][model]
        except KeyError:
            models = self._tenants.setdefault(tenant, {}).setdefault(key, {})
            counts = models[model] = Counts()
            return counts

    def take(self) -> Batch:
        """All that was counted since it was taken last."""
        batch, self._over = self._over, {}
        tenants, self._tenants = self._tenants, {}
        # A clock that was set back is believed from here on.
        self._hour_ends_s = 0.0
        for tenant, keys in tenants.items():
            for key, models in keys.items():
                for model, counts in models.items():
                    batch[Account(self._hour_s, tenant, key, model)] = counts
        return batch

    def _begin_hour(self) -> None:
        self._over = self.take()
        self._hour_s = int(self._clock()) // HOUR_S * HOUR_S
        self._hour_ends_s = self._hour_s + HOUR_S
