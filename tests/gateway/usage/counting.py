"""Counting without a gateway."""

from gateway.usage.accumulator import Usage
from gateway.usage.meter import Meter
from gateway.usage.tally import Tally


def tally(usage: Usage, tenant: str, key: str, model: str) -> Tally:
    """Where the next request of this account is counted."""
    return usage.tally(Meter(tenant, key, model))
