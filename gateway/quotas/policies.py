"""What an operator wants done while the store of the limits is away."""

from dataclasses import dataclass
from enum import StrEnum

from gateway.quotas.protocol import Kind


class Policy(StrEnum):
    """What becomes of requests when the store is away and what was held is spent."""

    # Go on with the part of the limit that is one of as many as there were holders.
    SHARE = "share"
    # Admit, and tell the store of it when it is back.
    ADMIT = "admit"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """For each kind of limit, and for how long they hold; then nothing is admitted."""

    rate: Policy = Policy.SHARE
    concurrency: Policy = Policy.SHARE
    budget: Policy = Policy.REFUSE
    longest_s: float = 60.0

    def of(self, kind: Kind) -> Policy:
        if kind is Kind.RATE:
            return self.rate
        return self.concurrency if kind is Kind.CONCURRENCY else self.budget
