"""Counts usage in memory, for each request; `gateway/usage/writer.py` takes what was counted."""

import time
from collections.abc import Callable, Iterable

from gateway.usage.counts import HOUR_S, Account, Batch, Counts, Row
from gateway.usage.meter import Meter


class Usage:
    """What was counted since it was taken last: in the hour that it is, and in hours just over."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._hour_s = 0
        self._hour_ends_s = 0.0
        # Those that count in this hour.
        self._meters: list[Meter] = []
        # Of this hour too, by tenant and key: clients make up names of models, and all that are
        # none are one account.
        self._unnamed: dict[tuple[str, str], Meter] = {}
        # Of hours that are over.
        self._past: list[Row] = []

    def open(self, meter: Meter) -> Meter:
        """Where to count now, and now alone: the next request may be another hour's."""
        if not meter.is_open or self._clock() >= self._hour_ends_s:
            return self._open(meter)
        return meter

    def rows(self) -> list[Row]:
        """What was counted; an account may have several, of meters that came and went."""
        return self._past + [meter.row(self._hour_s) for meter in self._meters]

    def take(self) -> Batch:
        """All that was counted since it was taken last; what comes now is counted anew."""
        batch = batch_of(self.rows())
        self._past = []
        self._close_meters()
        # A clock that was set back is believed from here on.
        self._hour_ends_s = 0.0
        return batch

    def _open(self, meter: Meter) -> Meter:
        now_s = self._clock()
        if now_s >= self._hour_ends_s:
            self._past = self.rows()
            self._close_meters()
            self._hour_s = int(now_s) // HOUR_S * HOUR_S
            self._hour_ends_s = float(self._hour_s + HOUR_S)
        if meter.is_open:
            # The clock was set back since it was looked at.
            return meter
        return self._add(meter) if meter.model else self._open_unnamed(meter)

    def _open_unnamed(self, meter: Meter) -> Meter:
        account = meter.tenant, meter.key
        shared = self._unnamed.get(account)
        if shared is None:
            shared = self._unnamed[account] = self._add(Meter(*account, ""))
        return shared

    def _add(self, meter: Meter) -> Meter:
        meter.is_open = True
        self._meters.append(meter)
        return meter

    def _close_meters(self) -> None:
        for meter in self._meters:
            meter.close()
        self._meters.clear()
        self._unnamed.clear()


def batch_of(rows: Iterable[Row]) -> Batch:
    """The rows by account; an account may have several."""
    batch: Batch = {}
    for hour_s, tenant, key, model, *sums in rows:
        account, counts = Account(hour_s, tenant, key, model), Counts(*sums)
        known = batch.get(account)
        if known is None:
            batch[account] = counts
        else:
            known.add(counts)
    return batch
