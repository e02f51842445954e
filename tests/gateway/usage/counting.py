"""Counting without a gateway."""

from gateway.usage.accumulator import Usage
from gateway.usage.meter import Meter


def tally(usage: Usage, tenant: str, key: str, model: str) -> Meter:
    """Where the next request of this account is counted."""
    return usage.open(Meter(tenant, key, model))
