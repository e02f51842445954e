"""What is wrong with Redis, in words for an operator."""

from redis import exceptions

from gateway.errors import ConfigurationError

# What a user of Redis must be allowed, and needs no more than.
PERMISSIONS = "~conch:* +evalsha +eval +mget +get +set +time +info +select"


def fault_text(error: Exception) -> str:
    """One line; shows no password."""
    if isinstance(error, (TimeoutError, exceptions.TimeoutError)):
        return "Redis does not answer in time"
    if isinstance(error, exceptions.AuthenticationError):
        return f"Redis refuses the user or password of CONCH_REDIS_URL: {error}"
    if isinstance(error, exceptions.NoPermissionError):
        return f"Redis does not allow its user what Conch needs, {PERMISSIONS}: {error}"
    return str(error).partition("\n")[0] or type(error).__name__


def needs_the_operator(error: Exception) -> bool:
    """Whether it is no use to wait until it passes."""
    lasting = (
        ConfigurationError,
        exceptions.AuthenticationError,
        exceptions.AuthenticationWrongNumberOfArgsError,
        exceptions.NoPermissionError,
    )
    return isinstance(error, lasting)
