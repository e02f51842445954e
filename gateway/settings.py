"""Settings of the gateway. Order: command line > environment > .env > conch.toml > default."""

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from gateway.errors import ConfigurationError

PREFIX = "CONCH_"
# Names that clients of the gateway read from the environment; they are not settings of a server.
CLIENT_NAMES = frozenset({"CONCH_API_KEY"})
S = TypeVar("S", bound="GatewaySettings")


class GatewaySettings(BaseSettings):
    """What a gateway process can be told. Every field has an environment name `CONCH_<FIELD>`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        toml_file="conch.toml",
        extra="forbid",
        frozen=True,
    )

    host: str = Field(default="127.0.0.1", description="Address the data plane listens on.")
    port: int = Field(default=8080, ge=1, le=65535, description="Port that clients call.")
    admin_host: str = Field(default="127.0.0.1", description="Address the admin plane listens on.")
    admin_port: int = Field(
        default=8081, ge=1, le=65535, description="Port of the admin plane: /metrics, /docs."
    )
    triton_urls: str = Field(
        default="http://127.0.0.1:8000",
        description="Triton that the gateway forwards to; `conch up` uses its own.",
    )
    state_dir: Path = Field(
        default=Path(".conch"), description="Durable state: embedded database, logs, process files."
    )
    database_url: str = Field(
        default="",
        description="Records: tenants, keys, limits. Empty: SQLite in the state directory.",
    )
    max_body_bytes: int = Field(
        default=64 * 1024 * 1024,
        ge=1024,
        description="Largest request body; a larger one is a 413.",
    )
    upstream_connections: int = Field(
        default=256,
        ge=1,
        description="Most connections kept to one Triton; further requests queue.",
    )
    upstream_timeout_s: float = Field(
        default=60.0,
        gt=0,
        description="Longest wait for Triton's answer; past it the client gets a 504.",
    )

    @property
    def records_url(self) -> str:
        """SQLAlchemy URL of the records: the setting, else SQLite in the state directory."""
        return self.database_url or f"sqlite+aiosqlite:///{self.state_dir.resolve()}/conch.db"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        toml = TomlConfigSettingsSource(settings_cls)
        return init_settings, env_settings, dotenv_settings, toml


def environment_name(field: str) -> str:
    """`"triton_urls"` -> `"CONCH_TRITON_URLS"`."""
    return PREFIX + field.upper()


def refuse_unknown_names(
    settings: type[GatewaySettings], environ: Mapping[str, str] = os.environ
) -> None:
    """Raise ConfigurationError for a `CONCH_` variable that no setting reads: a typing error."""
    known = {environment_name(field) for field in settings.model_fields} | CLIENT_NAMES
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name in known:
            continue
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else "`conch up --help` lists the settings."
        raise ConfigurationError(f"{name} is set in the environment but is no setting; {hint}")


def load_settings(kind: type[S], given: Mapping[str, str] | None = None) -> S:
    """Settings of this process; what is `given`, by flags, goes before all other sources.

    Raises ConfigurationError with one line on what is wrong.
    """
    refuse_unknown_names(kind)
    try:
        return kind(**dict[str, Any](given or {}))
    except ValidationError as error:
        raise ConfigurationError("; ".join(map(_explain, error.errors()))) from error


def flag_name(field: str) -> str:
    """`"triton_urls"` -> `"--triton-urls"`."""
    return "--" + field.replace("_", "-")


def _explain(fault: ErrorDetails) -> str:
    """The setting that is wrong, the names it is set by, its value and the reason."""
    field = str(fault["loc"][0])
    if fault["type"] == "extra_forbidden":
        return f"{field} in .env or conch.toml is no setting; correct or remove it"
    names = f"{flag_name(field)} or {environment_name(field)}"
    return f"{names} is {fault['input']!r}: {fault['msg']}"
