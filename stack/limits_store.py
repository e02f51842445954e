"""What is said at a start about the Redis that limits are shared through."""

import asyncio

from stack.settings import StackSettings

_TIMEOUT_S = 3.0


async def limits_note(settings: StackSettings) -> str | None:
    """How limits are kept while Redis does not answer; None where it does, or none is set."""
    if not settings.redis_url or await _answers(settings.redis_url):
        return None
    return (
        "Redis (CONCH_REDIS_URL) does not answer. Until it does, limits are kept as "
        f"CONCH_QUOTA_OUTAGE_… say: rates {settings.quota_outage_rate}, "
        f"concurrency {settings.quota_outage_concurrency}, budgets {settings.quota_outage_budget}, "
        f"for {settings.quota_outage_s:g} s at most; then what is limited gets a 503."
    )


async def _answers(url: str) -> bool:
    # Not before: whoever has no Redis has no [redis] either, and a gateway would have said so.
    from redis.exceptions import RedisClusterException, RedisError

    from gateway.quotas.redis_client import redis_client

    client = redis_client(url)
    try:
        # One of the few commands that its user has to be allowed.
        await asyncio.wait_for(client.time(), _TIMEOUT_S)
    except (RedisError, RedisClusterException, OSError):
        return False
    finally:
        await client.aclose()
    return True
