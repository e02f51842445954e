"""Whether this is the gateway as it is installed, compiled, or its sources as they are."""

from importlib.util import find_spec


def is_compiled() -> bool:
    """What setup.py compiles it compiles together, so one module tells of all."""
    found = find_spec("gateway.data.exchange")
    return found is not None and not str(found.origin).endswith(".py")
