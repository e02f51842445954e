"""Settings with passwords, read from files that the environment or .env names."""

from pathlib import Path

import pytest

from gateway.errors import ConfigurationError
from gateway.settings import GatewaySettings, load_settings

URL = "postgresql://conch:secret@db/conch"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_secret_is_read_from_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "url").write_text(f"{URL}\n")
    monkeypatch.setenv("CONCH_DATABASE_URL_FILE", str(tmp_path / "url"))
    assert load_settings(GatewaySettings).database_url == URL


def test_the_file_may_be_named_in_env(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("redis://r")
    (tmp_path / ".env").write_text("CONCH_REDIS_URL_FILE=url\n")
    assert load_settings(GatewaySettings).redis_url == "redis://r"


def test_a_flag_goes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "url").write_text(URL)
    monkeypatch.setenv("CONCH_DATABASE_URL_FILE", str(tmp_path / "url"))
    given = load_settings(GatewaySettings, {"database_url": "sqlite:////a.db"})
    assert given.database_url == "sqlite:////a.db"


def test_the_file_and_the_value_at_once_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONCH_REDIS_URL", "redis://r")
    monkeypatch.setenv("CONCH_REDIS_URL_FILE", "url")
    with pytest.raises(ConfigurationError, match="CONCH_REDIS_URL_FILE are both set"):
        load_settings(GatewaySettings)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "cannot be read: No such file"), (b" \n", "is empty"), (b"\xff", "it is no text")],
)
def test_a_file_that_says_nothing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, reason: str
) -> None:
    if content is not None:
        (tmp_path / "url").write_bytes(content)
    monkeypatch.setenv("CONCH_REDIS_URL_FILE", str(tmp_path / "url"))
    with pytest.raises(ConfigurationError, match=f"CONCH_REDIS_URL_FILE .*{reason}"):
        load_settings(GatewaySettings)


def test_what_is_no_secret_has_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONCH_PORT_FILE", "port")
    with pytest.raises(
        ConfigurationError, match="CONCH_PORT_FILE in the environment is no setting"
    ):
        load_settings(GatewaySettings)
