"""What a token's claim, or a setting in its stead, may hold: tenant, permissions, models, limit."""

from gateway.errors import InvalidInput
from gateway.permissions import Permission, check_patterns
from gateway.rates import Rate, parse_rate
from gateway.tenants import check_tenant


def tenant_from(value: object) -> str:
    """`"acme"`; raises InvalidInput."""
    if not isinstance(value, str):
        raise InvalidInput(f"tenant {value!r} is not a text")
    return check_tenant(value)


def permissions_from(value: object, prefix: str) -> frozenset[Permission]:
    """`"openid conch:infer"` with the prefix `conch:` -> infer; other words mean nothing to us."""
    words = {word.removeprefix(prefix) for word in words_from(value) if word.startswith(prefix)}
    return frozenset(permission for permission in Permission if permission in words)


def models_from(value: object) -> tuple[str, ...]:
    """Model patterns, `"mnist_* resnet"` or a list of them; raises InvalidInput."""
    return check_patterns(words_from(value))


def limit_from(value: object) -> Rate:
    """`"100/s"` or `{"rate": "100/s", "burst": 200}`; raises InvalidInput."""
    members = {"rate": value} if isinstance(value, str) else value
    if not isinstance(members, dict) or not {"rate"} <= members.keys() <= {"rate", "burst"}:
        raise InvalidInput(
            f'limit {value!r} is neither "100/s" nor {{"rate": "100/s", "burst": 200}}'
        )
    rate, burst = members["rate"], members.get("burst")
    if not isinstance(rate, str):
        raise InvalidInput(f"rate {rate!r} is not a text as 100/s")
    if burst is not None and (not isinstance(burst, int) or isinstance(burst, bool)):
        raise InvalidInput(f"burst {burst!r} is not a whole number")
    limit = parse_rate(rate, burst)
    assert limit is not None  # a rate was given
    return limit


def words_from(value: object) -> tuple[str, ...]:
    """Words as OAuth writes them, `"a b"`, or a list of them; raises InvalidInput."""
    words = value.split(" ") if isinstance(value, str) else value
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise InvalidInput(f"{value!r} is neither words with spaces between nor a list of words")
    return tuple(word for word in words if word)
