"""Settings of the gateway: names that are read, and clear words on those that are wrong."""

from pathlib import Path

import pytest

from gateway.errors import ConfigurationError
from gateway.settings import GatewaySettings, load_settings, refuse_unknown_names


def test_a_misspelt_name_is_refused_with_the_right_one() -> None:
    with pytest.raises(ConfigurationError, match="did you mean CONCH_TRITON_URLS"):
        refuse_unknown_names(GatewaySettings, {"CONCH_TRITON_URL": "x"})


def test_names_of_others_and_of_clients_are_left_alone() -> None:
    refuse_unknown_names(GatewaySettings, {"PATH": "x", "CONCH_API_KEY": "x", "CONCH_PORT": "1"})


def test_a_wrong_value_is_named_with_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONCH_PORT", "eighty")
    with pytest.raises(ConfigurationError, match="CONCH_PORT is 'eighty'"):
        load_settings(GatewaySettings)


@pytest.mark.parametrize(
    ("given", "means"),
    [
        ("sqlite:///x.db", "sqlite:///{here}/x.db"),
        ("sqlite+aiosqlite:///a/x.db?timeout=3", "sqlite+aiosqlite:///{here}/a/x.db?timeout=3"),
        ("sqlite+aiosqlite:////a/x.db", "sqlite+aiosqlite:////a/x.db"),
        ("sqlite+aiosqlite:///:memory:", "sqlite+aiosqlite:///:memory:"),
        ("postgresql+asyncpg://host/x", "postgresql+asyncpg://host/x"),
    ],
)
def test_a_relative_database_lies_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, means: str
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load_settings(GatewaySettings, {"database_url": given})
    assert settings.records_url == means.format(here=tmp_path)
