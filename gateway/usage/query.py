"""What can be asked of the usage in the records, and what is answered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.errors import InvalidInput
from gateway.usage.counts import Counts


class By(StrEnum):
    """What usage can be told by."""

    TENANT = "tenant"
    KEY = "key"
    MODEL = "model"
    DAY = "day"
    HOUR = "hour"


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageQuery:
    """Whose usage, of when, and told by what; None: of all. InvalidInput for no time at all."""

    by: Sequence[By] = (By.TENANT,)
    tenant: str | None = None
    key: str | None = None
    model: str | None = None
    # Every hour that the time from `since` to before `until` touches.
    since: datetime | None = None
    until: datetime | None = None

    def __post_init__(self) -> None:
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise InvalidInput(
                f"since {self.since.isoformat(timespec='minutes')} is not before "
                f"until {self.until.isoformat(timespec='minutes')}"
            )


@dataclass(frozen=True, slots=True)
class UsageRow:
    """The sums of one group, named in the order that was asked for."""

    group: tuple[str, ...]
    counts: Counts


def counts_record(counts: Counts) -> dict[str, int | float]:
    """Counts as they are shown everywhere, times in milliseconds."""
    return {
        "requests": counts.requests,
        "samples": counts.samples,
        "bytes": counts.size_bytes,
        "compute_ms": counts.compute_us / 1000,
        "errors": counts.errors,
        "refused": counts.refused,
    }


def total(rows: Sequence[UsageRow]) -> Counts:
    """The sums over all groups."""
    counts = Counts()
    for row in rows:
        counts.add(row.counts)
    return counts
