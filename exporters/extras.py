"""Turns a missing optional dependency into one line that says how to install it."""

from collections.abc import Iterator
from contextlib import contextmanager

from exporters.errors import MissingExtraError


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Wraps imports of modules that need the extra `name`."""
    try:
        yield
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        if module == "exporters":
            raise
        raise MissingExtraError(module=module, extra=name) from error
