"""Whether the gateway under test is the compiled one, which `make test-compiled` puts there."""

import os

import pytest

from gateway.compiled import is_compiled

needs_sources = pytest.mark.skipif(
    is_compiled(),
    reason="it puts another in the place of a part; compiled code takes none",
)


def require_compiled_if_asked() -> None:
    """Raise UsageError if the compiled gateway is to be tested and it is not what is found."""
    if os.environ.get("TESTS_COMPILED") and not is_compiled():
        raise pytest.UsageError(
            "TESTS_COMPILED is set, and the gateway that Python finds is not compiled; "
            "run `make test-compiled`."
        )
