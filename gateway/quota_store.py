"""Which store keeps the limits of this gateway: SQLite for one machine, Redis for several."""

from gateway.quotas.renewing import Renewing
from gateway.settings import GatewaySettings


async def open_quotas(settings: GatewaySettings) -> Renewing:
    """The holder of this worker, and what talks to the store for it; not started yet."""
    raise NotImplementedError
