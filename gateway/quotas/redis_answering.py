"""Whether a Redis answers, asked once."""

import asyncio

from redis.exceptions import RedisClusterException, RedisError

from gateway.quotas.redis_client import redis_client

_TIMEOUT_S = 3.0


async def answers(url: str) -> bool:
    """Whether it answers a command that its user has to be allowed. Raises ConfigurationError."""
    client = redis_client(url)
    try:
        await asyncio.wait_for(client.time(), _TIMEOUT_S)
    except (RedisError, RedisClusterException, OSError):
        return False
    finally:
        await client.aclose()
    return True
