"""The way to the store in Redis: the extra [redis] is needed only once it is asked for."""

from typing import TYPE_CHECKING

from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from gateway.quotas.redis_store import RedisStore


def open_redis(url: str) -> "RedisStore":
    """Connects when it is first asked; raises ConfigurationError for a URL that leads nowhere."""
    try:
        from gateway.quotas.redis_client import redis_client
        from gateway.quotas.redis_store import RedisStore
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        if package not in {"redis", "hiredis"}:
            raise
        raise ConfigurationError(
            f"CONCH_REDIS_URL is set, but the package {package} is not installed; "
            "run: pip install 'conch[redis]'"
        ) from None
    return RedisStore(redis_client(url))
