"""What the gateway's processes are told in their environment."""

import json
from pathlib import Path

import pytest

from gateway.settings import PREFIX, GatewaySettings, load_settings
from stack.gateway_processes import gateway_environment
from stack.settings import StackSettings


def test_every_setting_arrives_as_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONCH_PORT", "8123")
    issuer = {
        "issuer": "https://id.example.com",
        "jwks_url": "https://id.example.com/jwks.json",
        "audience": 'it\'s-"$HOME"',
    }
    (tmp_path / "conch.toml").write_text(
        "[[jwt_issuers]]\n"
        + "".join(f"{name} = {json.dumps(value)}\n" for name, value in issuer.items())
    )
    settings = load_settings(StackSettings)
    environment = gateway_environment(settings, "http://127.0.0.1:8000")
    records_url = settings.records_url
    other = tmp_path / "elsewhere"
    other.mkdir()
    monkeypatch.chdir(other)
    for name, value in environment.items():
        if name.startswith(PREFIX):
            monkeypatch.setenv(name, value)
    arrived = load_settings(GatewaySettings)
    assert arrived.token_issuers == settings.token_issuers
    assert arrived.token_issuers[0].audience == 'it\'s-"$HOME"'
    for field in GatewaySettings.model_fields.keys() - {"state_dir", "database_url"}:
        assert getattr(arrived, field) == getattr(settings, field)
    assert arrived.records_url == records_url
