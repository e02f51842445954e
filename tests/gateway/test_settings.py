"""Settings of the gateway: names that are read, and clear words on those that are wrong."""

import json
from pathlib import Path

import pytest

from gateway.errors import ConfigurationError
from gateway.settings import (
    GatewaySettings,
    environment_name,
    flag_name,
    load_settings,
    refuse_unknown_names,
)


def test_a_misspelt_name_is_refused_with_the_right_one() -> None:
    with pytest.raises(ConfigurationError, match="did you mean CONCH_TRITON_URLS"):
        refuse_unknown_names(GatewaySettings, {"CONCH_TRITON_URL": "x"})


def test_names_of_others_and_of_clients_are_left_alone() -> None:
    refuse_unknown_names(GatewaySettings, {"PATH": "x", "CONCH_API_KEY": "x", "CONCH_PORT": "1"})


def test_a_wrong_value_is_named_with_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONCH_PORT", "eighty")
    with pytest.raises(ConfigurationError, match="CONCH_PORT: 'eighty' is not a whole number"):
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


ISSUER = {
    "issuer": "https://id.example.com",
    "jwks_url": "https://id.example.com/jwks.json",
    "audience": "conch",
}


def test_issuers_come_from_the_environment_or_from_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings(GatewaySettings).token_issuers == ()
    table = "\n".join(f'{name} = "{value}"' for name, value in ISSUER.items())
    limit = 'limit = { rate = "100/s", burst = 200 }'
    (tmp_path / "conch.toml").write_text(f"[[jwt_issuers]]\n{table}\n{limit}\n")
    of_tables = load_settings(GatewaySettings).token_issuers
    told = ISSUER | {"limit": {"rate": "100/s", "burst": 200}}
    monkeypatch.setenv("CONCH_JWT_ISSUERS", json.dumps([told]))
    (tmp_path / "conch.toml").unlink()
    assert load_settings(GatewaySettings).token_issuers == of_tables
    assert of_tables[0].issuer == "https://id.example.com"


@pytest.mark.parametrize(
    ("toml", "reason"),
    [
        ('[[jwt_issuers]]\nissuer = "a"\n', "issuer 1: jwks_url is missing"),
        ("[jwt_issuers]\n", "it is not a list"),
        ("jwt_issuers = 5\n", "it is not a list"),
        ("[[jwt_issuers]]\naudi = 2026-01-01\n", "did you mean audience?"),
        ("[[jwt_issuers]]\nleeway_s = nan\n", "NaN is no JSON number"),
    ],
)
def test_wrong_issuers_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, toml: str, reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conch.toml").write_text(toml)
    with pytest.raises(ConfigurationError, match="CONCH_JWT_ISSUERS is ") as caught:
        load_settings(GatewaySettings)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_long_value_is_cut_before_the_reason() -> None:
    with pytest.raises(ConfigurationError, match=r"aaa\.\.\.: it is not JSON"):
        load_settings(GatewaySettings, {"jwt_issuers": "a" * 10_000})


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("port", "99999", "'99999' is over 65535, the most that it can be"),
        ("workers", "x", "'x' is not a whole number; write one as 8"),
        ("quota_outage_rate", "often", "'often' is not one of 'share', 'admit' or 'refuse'"),
    ],
)
def test_a_wrong_value_is_told_with_what_it_can_be(name: str, value: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load_settings(GatewaySettings, {name: value})
    assert str(refused.value) == f"{flag_name(name)} or {environment_name(name)}: {said}"


@pytest.mark.parametrize("name", ["database_url", "redis_url"])
def test_a_password_is_in_no_error_and_in_no_text_of_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    url = "scheme://conch:s3cr3t@db/conch"
    assert "s3cr3t" not in repr(GatewaySettings.model_validate({name: url}))
    Path("conch.toml").write_text(f'{name} = ["{url}"]\n')
    with pytest.raises(ConfigurationError, match="valid string") as refused:
        load_settings(GatewaySettings)
    assert "s3cr3t" not in str(refused.value)
