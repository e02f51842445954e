"""The admin API against its own description: thousands of requests, right and wrong ones."""

import warnings
from collections.abc import Iterator

import pytest

from tests.gateway.admin.conftest import AdminPlane

EXAMPLES = 25


def _generated(plane: AdminPlane, token: str) -> Iterator[str]:
    """Each path and method that was tried; raises with all that failed."""
