"""Where Redis is, as `CONCH_REDIS_URL` says it, and a client that goes there."""

from importlib import import_module
from typing import Any, TypeAlias
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as ConnectionFailed

from gateway.errors import ConfigurationError

# Fails where it is missing, which redis-py would hide by being slow.
import_module("hiredis")

Client: TypeAlias = "Redis | RedisCluster"

_FORMS = "redis://USER:PASSWORD@HOST:6379/0, rediss://HOST:6379 or unix:///run/redis.sock"
# What may stand after the `?`. Certificates are always checked: nothing turns that off.
_OPTIONS = {"cluster", "db", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile"}


def redis_client(url: str) -> Client:
    """Connects when it is first used; raises ConfigurationError, which shows no password."""
    parts, options = _split(url)
    _check_place(parts)
    _check_options(options)
    kwargs: dict[str, Any] = {
        "protocol": 2,  # what every proxy knows
        "driver_info": None,
        # The store gives up sooner; a connection is closed within this.
        "socket_timeout": 1.0,
        "socket_connect_timeout": 1.0,
        # A connection may have been closed while it was idle, and a Renewal may be repeated.
        "retry": Retry(NoBackoff(), 1, (ConnectionFailed,)),
    }
    is_cluster = options.pop("cluster", "no") == "yes"
    plain = parts._replace(query=urlencode(options)).geturl()
    if is_cluster:
        return RedisCluster.from_url(plain, **kwargs)
    return Redis.from_url(plain, **kwargs)


def _split(url: str) -> tuple[SplitResult, dict[str, str]]:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        # Its text shows what stands between two colons, which may be a password.
        raise ConfigurationError(
            "CONCH_REDIS_URL has no port between 1 and 65535 after its last ':'; "
            "in a password, ':', '@' and '/' are written %3A, %40 and %2F"
        ) from None
    return parts, dict(parse_qsl(parts.query))


def _check_place(parts: SplitResult) -> None:
    if parts.scheme not in {"redis", "rediss", "unix"}:
        # Without a scheme, what is taken for one may be a user.
        raise ConfigurationError(f"CONCH_REDIS_URL has none of the forms {_FORMS}")
    # Without its path: a password with a '/' in it would be part of that.
    shown = f"CONCH_REDIS_URL {parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    if parts.scheme == "unix":
        if not parts.path:
            raise ConfigurationError(f"{shown} has no path; write {_FORMS}")
        return
    if not parts.hostname or parts.port == 0:
        raise ConfigurationError(f"{shown} has no host or no port; write {_FORMS}")
    database = parts.path.removeprefix("/")
    if database and not (database.isascii() and database.isdigit()):
        raise ConfigurationError(f"{shown} has no number of a database after '/'; write {_FORMS}")


def _check_options(options: dict[str, str]) -> None:
    for name in sorted(options.keys() - _OPTIONS):
        known = ", ".join(sorted(_OPTIONS))
        raise ConfigurationError(f"CONCH_REDIS_URL has an option {name!r}; known are {known}")
    if options.get("cluster", "no") not in {"yes", "no"}:
        raise ConfigurationError(f"CONCH_REDIS_URL: cluster={options['cluster']} is not yes or no")
    database = options.get("db", "0")
    if not (database.isascii() and database.isdigit()):
        raise ConfigurationError(f"CONCH_REDIS_URL: db={database} is not a number")
