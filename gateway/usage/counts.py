"""What is counted, and whose it is."""

from dataclasses import dataclass
from typing import NamedTuple

HOUR_S = 3600


class Account(NamedTuple):
    """Whose usage: one row of the records."""

    # Unix time at which the hour begins.
    hour_s: int
    tenant: str
    # The key's id; of a JSON Web Token `jwt:` with issuer and subject.
    key: str
    # Empty: none, or none that Triton answered for.
    model: str


# The fields of an Account and then those of its Counts: as the spool has them.
Row = tuple[int, str, str, str, int, int, int, int, int, int]


class Changes(NamedTuple):
    """What changed in a batch that grows; each row keeps its place in it."""

    # Those that are told for the first time, and their places.
    rows: list[Row]
    places: list[int]
    # Of the others what counts alone, one after another: the place, then the fields of its Counts.
    # With very many keys this is what is told, so there is no object for each.
    sums: list[int]


@dataclass(slots=True)
class Counts:
    """Sums over requests; what each is, docs/usage.md says."""

    requests: int = 0
    # By a quota; these are no requests.
    refused: int = 0
    errors: int = 0
    samples: int = 0
    size_bytes: int = 0
    compute_us: int = 0

    def values(self) -> tuple[int, int, int, int, int, int]:
        """In the order of the fields; dataclasses' own way takes ten times as long."""
        return (
            self.requests,
            self.refused,
            self.errors,
            self.samples,
            self.size_bytes,
            self.compute_us,
        )

    def add(self, other: "Counts") -> None:
        self.requests += other.requests
        self.refused += other.refused
        self.errors += other.errors
        self.samples += other.samples
        self.size_bytes += other.size_bytes
        self.compute_us += other.compute_us


Batch = dict[Account, Counts]


def merge(into: Batch, batch: Batch) -> None:
    """Add one batch to another."""
    for account, counts in batch.items():
        known = into.get(account)
        if known is None:
            # A copy: whoever hands over the batch may go on holding it.
            known = into[account] = Counts()
        known.add(counts)
