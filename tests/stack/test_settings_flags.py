"""Flags, environment, files and defaults, in this order; mistakes are named."""

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from gateway.errors import ConfigurationError
from gateway.settings import flag_name, load_settings
from stack.settings import StackSettings
from stack.settings_flags import with_settings


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No .env and no conch.toml of the developer's own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_setting_is_a_flag_with_its_sentence() -> None:
    app = typer.Typer()

    @app.command()
    @with_settings()
    def show(*, settings: StackSettings) -> None:
        """Show."""

    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "300"}).output
    for name, field in StackSettings.model_fields.items():
        assert flag_name(name) in shown
        assert field.description is not None
        assert field.description in shown


def test_flag_before_environment_before_dotenv_before_toml_before_default(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_settings(StackSettings).port == 8080
    (empty_folder / "conch.toml").write_text("port = 1001")
    assert load_settings(StackSettings).port == 1001
    (empty_folder / ".env").write_text("CONCH_PORT=1002")
    assert load_settings(StackSettings).port == 1002
    monkeypatch.setenv("CONCH_PORT", "1003")
    assert load_settings(StackSettings).port == 1003
    assert load_settings(StackSettings, {"port": "1004"}).port == 1004


def test_an_unknown_name_is_an_error_with_a_guess(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONCH_PROT", "1")
    with pytest.raises(ConfigurationError, match=r"CONCH_PROT.*CONCH_PORT"):
        load_settings(StackSettings)


def test_an_unknown_name_in_a_file_is_an_error(empty_folder: Path) -> None:
    (empty_folder / "conch.toml").write_text("prot = 1")
    with pytest.raises(ConfigurationError, match="prot"):
        load_settings(StackSettings)


def test_a_wrong_value_is_shown_with_the_names_it_is_set_by() -> None:
    with pytest.raises(ConfigurationError, match="--port or CONCH_PORT: '99999' is over 65535"):
        load_settings(StackSettings, {"port": "99999"})


def test_triton_is_the_embedded_one_unless_named() -> None:
    assert (
        load_settings(StackSettings, {"triton_http_port": "9000"}).triton_url
        == "http://127.0.0.1:9000"
    )
    assert (
        load_settings(StackSettings, {"triton_urls": "http://gpu:8000/"}).triton_url
        == "http://gpu:8000"
    )


def test_the_gateway_may_have_several_tritons_and_a_command_has_one() -> None:
    urls = "http://a:8000,http://b:8000"
    settings = load_settings(StackSettings, {"triton_urls": urls})
    assert settings.gateway_triton_urls == urls
    with pytest.raises(ConfigurationError, match="this command talks to one"):
        _ = settings.triton_url


def test_empty_is_unset_wherever_it_is_said(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (empty_folder / "conch.toml").write_text('triton_server = ""\nport = 1001')
    monkeypatch.setenv("CONCH_TRITON_SERVER", "")
    monkeypatch.setenv("CONCH_PORT", "")
    settings = load_settings(StackSettings)
    assert settings.triton_server is None
    assert settings.port == 1001


def test_an_empty_flag_leaves_the_environment_to_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONCH_PORT", "1003")
    app, seen = typer.Typer(), []

    @app.command()
    @with_settings("port")
    def show(*, settings: StackSettings) -> None:
        """Show."""
        seen.append(settings.port)

    CliRunner().invoke(app, ["--port", ""], catch_exceptions=False)
    assert seen == [1003]


@pytest.mark.parametrize("urls", ["http://[x", "gpu:8000", "http://gpu:eight", "http://a:1,b"])
def test_a_url_that_is_none_is_refused_with_its_name(urls: str) -> None:
    with pytest.raises(ConfigurationError, match=r"CONCH_TRITON_URLS is .* write it as http://"):
        load_settings(StackSettings, {"triton_urls": urls})
