"""Counts usage in memory, for each request; `gateway/usage/writer.py` takes what was counted."""

import time
from collections.abc import Callable

from gateway.usage.counts import HOUR_S, Account, Batch, Counts
from gateway.usage.meter import Meter
from gateway.usage.tally import Tally


class Usage:
    """The tallies that are open: those of the hour that it is, and of hours just over."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.tallies: list[Tally] = []
        self._clock = clock
        self._hour_s = 0
        self._hour_ends_s = 0.0
        # Those whose tally belongs to this hour.
        self._meters: list[Meter] = []
        # Of this hour too, by tenant and key: clients make up names of models, and all that are
        # none are one account.
        self._unnamed: dict[tuple[str, str], Tally] = {}

    def tally(self, meter: Meter) -> Tally:
        """Where to count now, and now alone: the next request may be another hour's."""
        tally = meter.tally
        if tally is None or self._clock() >= self._hour_ends_s:
            return self._open(meter)
        return tally

    def take(self) -> Batch:
        """All that was counted since it was taken last; what comes now is counted anew."""
        self._release_meters()
        # A clock that was set back is believed from here on.
        self._hour_ends_s = 0.0
        tallies, self.tallies = self.tallies, []
        return batch_of(tallies)

    def _open(self, meter: Meter) -> Tally:
        now_s = self._clock()
        if now_s >= self._hour_ends_s:
            self._release_meters()
            self._hour_s = int(now_s) // HOUR_S * HOUR_S
            self._hour_ends_s = float(self._hour_s + HOUR_S)
        if not meter.model:
            return self._open_unnamed(meter)
        tally = meter.tally = self._new(meter)
        self._meters.append(meter)
        return tally

    def _open_unnamed(self, meter: Meter) -> Tally:
        account = meter.tenant, meter.key
        tally = self._unnamed.get(account)
        if tally is None:
            tally = self._unnamed[account] = self._new(meter)
        return tally

    def _new(self, meter: Meter) -> Tally:
        tally = Tally(self._hour_s, meter.tenant, meter.key, meter.model)
        self.tallies.append(tally)
        return tally

    def _release_meters(self) -> None:
        for meter in self._meters:
            meter.tally = None
        self._meters.clear()
        self._unnamed.clear()


def batch_of(tallies: list[Tally]) -> Batch:
    """The tallies by account; an account may have several, of meters that came and went."""
    batch: Batch = {}
    for one in tallies:
        account = Account(one.hour_s, one.tenant, one.key, one.model)
        counts = Counts(
            one.requests, one.refused, one.errors, one.samples, one.size_bytes, one.compute_us
        )
        known = batch.get(account)
        if known is None:
            batch[account] = counts
        else:
            known.add(counts)
    return batch
