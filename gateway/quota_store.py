"""Which store keeps the limits of this gateway: SQLite for one machine, Redis for several."""

import os
import time
from typing import NamedTuple

from gateway.quotas.held_file import HeldFile
from gateway.quotas.policies import Policies, Policy
from gateway.quotas.protocol import Store
from gateway.quotas.reaper import Reaper
from gateway.quotas.renewing import Renewing
from gateway.settings import GatewaySettings


class Quotas(NamedTuple):
    """What a worker keeps limits with, yet to be started."""

    renewing: Renewing
    reaper: Reaper


async def open_quotas(settings: GatewaySettings) -> Quotas:
    """Raises ConfigurationError for a store that cannot be used."""
    store = await _open_store(settings)
    folder = settings.state_dir / "leases"
    held = HeldFile(folder, os.urandom(8).hex())
    is_alone = settings.workers == 1 and not settings.redis_url
    renewing = Renewing(store, _policies(settings), held, is_alone=is_alone)
    return Quotas(renewing, Reaper(folder, store, time.monotonic))


async def _open_store(settings: GatewaySettings) -> Store:
    # Each where it is used: redis-py takes 10 MB.
    if settings.redis_url:
        from gateway.quotas.open_redis import open_redis

        store = open_redis(settings.redis_url)
        await store.check()
        return store
    from gateway.quotas.sqlite_store import FILE, SqliteStore

    return await SqliteStore.open(settings.state_dir / FILE)


def _policies(settings: GatewaySettings) -> Policies:
    return Policies(
        rate=Policy(settings.quota_outage_rate),
        concurrency=Policy(settings.quota_outage_concurrency),
        budget=Policy(settings.quota_outage_budget),
        longest_s=settings.quota_outage_s,
    )
