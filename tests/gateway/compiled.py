"""Whether the gateway under test is the compiled one, which `make test-compiled` puts there."""

import os
from importlib.util import find_spec

import pytest

_found = find_spec("gateway.data.exchange")
IS_COMPILED = _found is not None and str(_found.origin).endswith(".so")
needs_sources = pytest.mark.skipif(
    IS_COMPILED, reason="it puts another in the place of a part, which compiled code does not take"
)


def require_compiled_if_asked() -> None:
    """Raise UsageError if the compiled gateway is to be tested and it is not what is found."""
    if os.environ.get("CONCH_TESTS_COMPILED") and not IS_COMPILED:
        raise pytest.UsageError(
            "CONCH_TESTS_COMPILED is set, and the gateway that Python finds is not compiled; "
            "run `make test-compiled`."
        )
