"""The gateway's processes under the stack: what they are told, and when they count as started."""

import asyncio
import json
from pathlib import Path

import httpx2
import pytest
import trustme

from gateway.records.migrate import migrate
from gateway.settings import PREFIX, GatewaySettings, load_settings
from stack.gateway_processes import gateway_environment, gateway_processes
from stack.process_identity import group_members
from stack.settings import StackSettings
from stack.trial import free_ports
from tests.gateway.certificates import write_pair


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


def test_paths_are_told_in_full_and_what_is_not_set_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = StackSettings(tls_certificate=Path("tls.crt"))
    told = gateway_environment(settings, "http://127.0.0.1:1")
    assert told["CONCH_TLS_CERTIFICATE"] == f"{tmp_path}/tls.crt"
    assert told["CONCH_TLS_KEY"] == ""
    assert told["CONCH_STATE_DIR"] == f"{tmp_path}/.conch"


def test_a_gateway_that_asks_clients_for_certificates_starts_and_ends(tmp_path: Path) -> None:
    authority = trustme.CA()
    files = write_pair(authority, tmp_path / "tls")
    trusted = tmp_path / "clients.pem"
    authority.cert_pem.write_to_path(str(trusted))
    port, admin_port = free_ports(2)
    settings = StackSettings(
        state_dir=tmp_path / "state",
        port=port,
        admin_port=admin_port,
        workers=2,
        tls_certificate=files.certificate,
        tls_key=files.key,
        tls_client_ca=trusted,
        tls_client_required=True,
    )
    assert settings.url == f"https://127.0.0.1:{port}"

    async def test() -> None:
        await migrate(settings.records_url)
        data, _ = gateway_processes(settings, "http://127.0.0.1:1", print)
        await data.start()
        pid = data._process.pid
        assert pid is not None
        # The parent and its workers are one group, which is ended and accounted for as a whole.
        assert len(list(group_members(pid))) == 3
        await data.stop()
        assert not list(group_members(pid))

    asyncio.run(test())


def test_a_start_leaves_nothing_in_the_access_log_and_the_metrics(tmp_path: Path) -> None:
    port, admin_port = free_ports(2)
    log = tmp_path / "access.log"
    settings = StackSettings(
        state_dir=tmp_path / "state", port=port, admin_port=admin_port, access_log=str(log)
    )

    async def test() -> str:
        await migrate(settings.records_url)
        parts = gateway_processes(settings, "http://127.0.0.1:1", print)
        for part in parts:
            await part.start()
        async with httpx2.AsyncClient(trust_env=False) as client:
            # At its first try: it has started.
            metrics = (await client.get(f"{settings.admin_url}/metrics")).text
            await client.get(f"{settings.url}/first")
        for part in parts:
            await part.stop()
        return metrics

    assert "conch_requests_total{" not in asyncio.run(test())
    (line,) = log.read_text().splitlines()
    assert json.loads(line)["path"] == "/first"
