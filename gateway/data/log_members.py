"""Parts of a line of JSON that are made once and used in many lines."""

import msgspec


def members(**texts: str) -> bytes:
    """Members of a JSON object without its braces.

    >>> members(tenant="acme", principal="k1")
    b'"tenant":"acme","principal":"k1"'
    """
    return msgspec.json.encode(texts)[1:-1]
