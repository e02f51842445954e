"""What is wrong with Redis, in words for an operator."""

from redis import exceptions

from gateway.errors import ConfigurationError

# What a user of Redis must be allowed, and needs no more than.
PERMISSIONS = "~conch:* +evalsha +eval +mget +get +set +time +info +select"

# Of commands within the script Redis says it in words only: 6.2, and 7.0 and newer.
_REFUSED_IN_SCRIPT = ("executing the script can't", "ACL failure in script")


def fault_text(error: Exception) -> str:
    """One line; shows no password."""
    error = _first_cause(error)
    if isinstance(error, (TimeoutError, exceptions.TimeoutError)):
        return "Redis does not answer in time"
    if _is_login_refused(error):
        return f"Redis refuses the user or password of CONCH_REDIS_URL: {error}"
    if _is_permission_missing(error):
        return f"Redis does not allow its user what Conch needs, {PERMISSIONS}: {error}"
    return str(error).partition("\n")[0] or type(error).__name__


def needs_the_operator(error: Exception) -> bool:
    """Whether it is no use to wait until it passes."""
    error = _first_cause(error)
    return (
        isinstance(error, ConfigurationError)
        or _is_login_refused(error)
        or _is_permission_missing(error)
        or "DB index is out of range" in str(error)
    )


def _first_cause(error: Exception) -> Exception:
    """What redis-py met while it connected, without the error that it wraps it in."""
    cause = error.__cause__
    return cause if isinstance(cause, exceptions.RedisError) else error


def _is_login_refused(error: Exception) -> bool:
    refused = (exceptions.AuthenticationError, exceptions.AuthenticationWrongNumberOfArgsError)
    return isinstance(error, refused)


def _is_permission_missing(error: Exception) -> bool:
    return isinstance(error, exceptions.NoPermissionError) or any(
        words in str(error) for words in _REFUSED_IN_SCRIPT
    )
