"""Every request of a case is one that Triton sees."""

import pytest

from gateway.data import health


@pytest.fixture(autouse=True)
def _no_remembered_health(monkeypatch: pytest.MonkeyPatch) -> None:
    # Cases ask for health, which needs no key, many times over.
    monkeypatch.setattr(health, "FRESH_S", 0.0)
