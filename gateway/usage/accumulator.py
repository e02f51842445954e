"""Counts usage in memory, for each request; `gateway/usage/writer.py` takes what was counted."""

import time
from collections.abc import Callable, Iterable

from gateway.usage.counts import HOUR_S, Account, Batch, Changes, Counts, Row
from gateway.usage.meter import Meter


class Usage:
    """What was counted since it was taken last: in the hour that it is, and in hours just over."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._hour_s = 0
        self._hour_ends_s = 0.0
        # Those that count in this hour.
        self._meters: list[Meter] = []
        # Of these, those that may have counted since it was gathered last; how often that was.
        self._changed: list[Meter] = []
        self._gathering = 1
        # Rows with a place below it were told by a gathering before.
        self._told = 0
        # Of this hour too, by tenant and key: clients make up names of models, and all that are
        # none are one account.
        self._unnamed: dict[tuple[str, str], Meter] = {}
        # Of hours that are over; and the places among them of those that were not gathered yet.
        self._past: list[Row] = []
        self._late: list[int] = []

    def open(self, meter: Meter) -> Meter:
        """Where to count now, and now alone: the next request may be another hour's."""
        if meter.gathering != self._gathering or self._clock() >= self._hour_ends_s:
            return self._open(meter)
        return meter

    def rows(self) -> list[Row]:
        """What was counted; an account may have several, of meters that came and went.

        A row keeps its place until all is taken: an hour that ends leaves its rows where they were.
        """
        return self._past + [meter.row(self._hour_s) for meter in self._meters]

    def changes(self) -> Changes:
        """What may have counted since it was gathered last."""
        told, hour_s = self._told, self._hour_s
        places = self._late.copy()
        rows = [self._past[place] for place in places]
        sums: list[int] = []
        for meter in self._changed:
            if meter.place < told:
                meter.add_sums(sums)
            else:
                rows.append(meter.row(hour_s))
                places.append(meter.place)
        return Changes(rows, places, sums)

    def gathered(self) -> None:
        """The changes are where nothing loses them; those that come now are told anew."""
        self._late = []
        self._told = len(self._past) + len(self._meters)
        self._changed.clear()
        self._gathering += 1

    def take(self) -> Batch:
        """All that was counted since it was taken last; what comes now is counted anew."""
        batch = batch_of(self.rows())
        self._past = []
        self._late = []
        self._told = 0
        self._close_meters()
        # A clock that was set back is believed from here on.
        self._hour_ends_s = 0.0
        return batch

    def _open(self, meter: Meter) -> Meter:
        now_s = self._clock()
        if now_s >= self._hour_ends_s:
            self._late += [meter.place for meter in self._changed]
            self._past = self.rows()
            self._close_meters()
            self._hour_s = int(now_s) // HOUR_S * HOUR_S
            self._hour_ends_s = float(self._hour_s + HOUR_S)
        if not meter.model:
            meter = self._shared_by_unnamed(meter)
        # It is, where the clock was set back since it was looked at, or where others share it.
        if meter.gathering != self._gathering:
            self._enlist(meter)
        return meter

    def _shared_by_unnamed(self, meter: Meter) -> Meter:
        account = meter.tenant, meter.key
        shared = self._unnamed.get(account)
        if shared is None:
            shared = self._unnamed[account] = Meter(*account, "")
        return shared

    def _enlist(self, meter: Meter) -> None:
        if meter.place < 0:
            meter.place = len(self._past) + len(self._meters)
            self._meters.append(meter)
        meter.gathering = self._gathering
        self._changed.append(meter)

    def _close_meters(self) -> None:
        for meter in self._meters:
            meter.close()
        self._meters.clear()
        self._changed.clear()
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
