"""Settings of the gateway. Order: command line > environment > .env > conch.toml > default.

A file that the environment names (secret_files.py) stands for the environment.
"""

import difflib
import json
import os
import re
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from gateway.errors import ConfigurationError, InvalidInput
from gateway.jwt_issuers import JwtIssuer, parse_issuers
from gateway.secret_files import SUFFIX, SecretFiles, secret_fields
from gateway.shown import shown
from gateway.triton_urls import split_urls
from gateway.value_faults import sentence

PREFIX = "CONCH_"
ENV_FILE = ".env"
TOML_FILE = "conch.toml"
# More than most hosts let one process have open: a wish, not a demand.
MAX_CONNECTIONS = 20_000
# Names that clients and exports read from the environment; they are not settings of a server.
CLIENT_NAMES = frozenset({"CONCH_API_KEY", "CONCH_MODELOPT_PYTHON"})
# Neither an absolute path nor SQLite's own `:memory:` and `file:` forms.
_RELATIVE_SQLITE = re.compile(r"(sqlite(?:\+\w+)?:///)(?!/|:memory:|file:)(.+)")
S = TypeVar("S", bound="GatewaySettings")


class GatewaySettings(BaseSettings):
    """What a gateway process can be told. Every field has an environment name `CONCH_<FIELD>`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=ENV_FILE,
        toml_file=TOML_FILE,
        env_ignore_empty=True,
        # Other programs' names in .env are theirs; refuse_unknown_names finds ours.
        extra="ignore",
        frozen=True,
    )

    host: str = Field(default="127.0.0.1", description="Address the data plane listens on.")
    port: int = Field(default=8080, ge=1, le=65535, description="Port that clients call.")
    workers: int = Field(
        default=1, ge=1, le=64, description="Processes that answer clients; one uses one core."
    )
    tls_certificate: Path | None = Field(
        default=None,
        description="Certificate chain (PEM) that clients are shown; set: https.",
    )
    tls_key: Path | None = Field(
        default=None, description="Private key (PEM, without a passphrase) of the certificate."
    )
    tls_client_ca: Path | None = Field(
        default=None,
        description="Authorities (PEM) of client certificates, which are then asked for.",
    )
    tls_client_required: bool = Field(
        default=False,
        description="Refuse clients without a certificate; otherwise a key alone will do.",
    )
    drain_delay_s: float = Field(
        default=0.0,
        ge=0,
        description="On SIGTERM: time of not being ready before connections are refused.",
    )
    drain_timeout_s: float = Field(
        default=25.0, ge=0, description="On SIGTERM: longest wait for requests in flight."
    )
    admin_host: str = Field(default="127.0.0.1", description="Address the admin plane listens on.")
    admin_port: int = Field(
        default=8081, ge=1, le=65535, description="Port of the admin plane: /v1, /metrics, /docs."
    )
    admin_tls_certificate: Path | None = Field(
        default=None,
        description="Certificate chain (PEM) of the admin plane; set: https.",
    )
    admin_tls_key: Path | None = Field(
        default=None, description="Private key (PEM, without a passphrase) of that certificate."
    )
    admin_tls_client_ca: Path | None = Field(
        default=None,
        description="Authorities (PEM) of admins' client certificates, which are then asked for.",
    )
    triton_urls: str = Field(
        default="http://127.0.0.1:8000",
        description="Tritons that the gateway forwards to, separated by commas; a name may stand "
        "for several (docs/replicas.md). `conch up` uses its own.",
    )
    state_dir: Path = Field(
        default=Path(".conch"), description="Durable state: embedded database, logs, process files."
    )
    database_url: str = Field(
        default="",
        repr=False,
        description="Records: tenants, keys, limits. Empty: SQLite in the state directory; else "
        "postgresql://USER:PASSWORD@HOST/DATABASE. CONCH_DATABASE_URL_FILE names a file with it.",
    )
    max_body_bytes: int = Field(
        default=64 * 1024 * 1024,
        ge=1024,
        description="Largest request body; a larger one is a 413.",
    )
    max_json_bytes: int = Field(
        default=8 * 1024 * 1024,
        ge=64 * 1024,
        description="Largest JSON in a request body; Triton takes up to 40 times its size. "
        "Tensors in binary form do not count.",
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
    hedge_after_ms: int = Field(
        default=0,
        ge=0,
        description="Of several Tritons: an inference that one has not begun to answer after so "
        "long goes to a second as well, and the first answer counts (docs/replicas.md). 0: never.",
    )
    request_timeout_s: float = Field(
        default=600.0,
        gt=0,
        description="Longest time of one request in all, streams of events included.",
    )
    max_connections: int = Field(
        default=MAX_CONNECTIONS,
        ge=1,
        description="Most client connections of one worker; idle ones make room for new ones.",
    )
    access_log: str = Field(
        default="",
        description="File that gets a line of JSON for each request; `-`: standard output.",
    )
    access_log_share: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="Share of the answers below 400 that get a line; errors always do.",
    )
    jwt_issuers: str = Field(
        default="",
        description="Whose JSON Web Tokens are taken: a JSON list, or tables in conch.toml "
        "(docs/tokens.md). Empty: API keys only.",
    )

    redis_url: str = Field(
        default="",
        repr=False,
        description="Redis that gateways on several machines share their limits through "
        "(docs/quotas_redis.md). Empty: a file in the state directory. CONCH_REDIS_URL_FILE names "
        "a file with it.",
    )
    quota_outage_rate: Literal["share", "admit", "refuse"] = Field(
        default="share",
        description="Rates while the store of the limits is away: `share` goes on with this "
        "worker's part, `admit` without a limit, `refuse` answers 503.",
    )
    quota_outage_concurrency: Literal["share", "admit", "refuse"] = Field(
        default="share",
        description="Limits on requests in flight while the store of the limits is away.",
    )
    quota_outage_budget: Literal["admit", "refuse"] = Field(
        default="refuse",
        description="Budgets of a day or month while the store of the limits is away, once what "
        "was held is spent. What is admitted is counted when the store is back.",
    )
    quota_outage_s: float = Field(
        default=60.0,
        ge=0,
        description="Longest time that these hold; past it what is limited gets a 503.",
    )

    max_failures_per_address: int = Field(
        default=30,
        ge=0,
        description="Failed attempts to authenticate that one address may make at once, and one "
        "more each 2 s. 0: no limit, where a proxy's address stands for all clients.",
    )

    @model_validator(mode="before")
    @classmethod
    def _empty_is_unset(cls, given: dict[str, Any]) -> dict[str, Any]:
        # env_ignore_empty does this for the environment; conch.toml may hold "" as well.
        return {name: value for name, value in given.items() if value != ""}

    @field_validator("triton_urls")
    @classmethod
    def _are_urls(cls, urls: str) -> str:
        entries = split_urls(urls)
        for url in entries:
            if not is_http_url(url):
                raise ValueError(f"{url!r} is no address; write it as http://127.0.0.1:8000")
            if entries.count(url) > 1:
                raise ValueError(f"{url!r} is given twice; name each Triton once")
        return urls

    @field_validator("access_log")
    @classmethod
    def _is_absolute(cls, path: str) -> str:
        # The processes of one gateway have other working directories.
        return path if path in ("", "-") else str(Path(path).absolute())

    @field_validator("jwt_issuers", mode="before")
    @classmethod
    def _tables_to_text(cls, given: object) -> str:
        # Kept as text: settings are handed on to other processes in their environment.
        return given if isinstance(given, str) else json.dumps(given, default=str)

    @field_validator("jwt_issuers")
    @classmethod
    def _are_issuers(cls, text: str) -> str:
        try:
            parse_issuers(text)
        except InvalidInput as error:
            raise ValueError(str(error)) from error
        return text

    @property
    def token_issuers(self) -> tuple[JwtIssuer, ...]:
        """The issuers whose JSON Web Tokens are taken."""
        return parse_issuers(self.jwt_issuers)

    @property
    def url(self) -> str:
        """Where clients on this machine call the data plane."""
        return http_url(self.host, self.port, tls=self.tls_certificate is not None)

    @property
    def admin_url(self) -> str:
        """Where the admin plane is called on this machine."""
        has_tls = self.admin_tls_certificate is not None
        return http_url(self.admin_host, self.admin_port, tls=has_tls)

    @property
    def records_url(self) -> str:
        """SQLAlchemy URL of the records: the setting, else SQLite in the state directory.

        A path in it is absolute: the processes of one gateway have other working directories.
        """
        if not self.database_url:
            return f"sqlite+aiosqlite:///{self.state_dir.resolve()}/conch.db"
        relative = _RELATIVE_SQLITE.fullmatch(self.database_url)
        return f"{relative[1]}{Path.cwd()}/{relative[2]}" if relative else self.database_url

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
        files = SecretFiles(settings_cls, PREFIX, dotenv_values(ENV_FILE) | os.environ)
        return init_settings, env_settings, files, dotenv_settings, toml


def is_http_url(url: str) -> bool:
    """Whether it names a scheme and a host, and a port that can be one.

    >>> is_http_url("http://[::1]:8000"), is_http_url("http://[::"), is_http_url("gpu:8000")
    (True, False, False)
    """
    try:
        parts = urlsplit(url)
        # Reading the port raises ValueError for one that is no number.
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def http_url(host: str, port: int, *, tls: bool = False) -> str:
    """Where to call what listens on this address: one that means every interface is loopback.

    >>> http_url("::", 8080), http_url("0.0.0.0", 8443, tls=True)
    ('http://[::1]:8080', 'https://127.0.0.1:8443')
    """
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    scheme = "https" if tls else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def environment_name(field: str) -> str:
    """`"triton_urls"` -> `"CONCH_TRITON_URLS"`."""
    return PREFIX + field.upper()


def refuse_unknown_names(
    settings: type[GatewaySettings], environ: Mapping[str, str] = os.environ
) -> None:
    """Raise ConfigurationError for a name of ours that no setting reads: a typing error.

    Looked at are `CONCH_` names in the environment and in .env, and every name in conch.toml.
    """
    known = known_names(settings)
    for source, names in (("the environment", environ), (ENV_FILE, dotenv_values(ENV_FILE))):
        for name in sorted(names):
            if name.startswith(PREFIX) and name not in known:
                raise ConfigurationError(f"{name} in {source} is no setting; {_near(name, known)}")
    fields = set(settings.model_fields)
    for name in _toml_names():
        if name not in fields:
            field = name.lower().removeprefix(PREFIX.lower())
            raise ConfigurationError(f"{name} in {TOML_FILE} is no setting; {_near(field, fields)}")


def known_names(settings: type[GatewaySettings]) -> set[str]:
    """Every `CONCH_` name that means something, to a server or to a client."""
    names = {environment_name(field) for field in settings.model_fields}
    files = {environment_name(field) + SUFFIX for field in secret_fields(settings)}
    return names | files | CLIENT_NAMES


def _near(name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
    return f"did you mean {near[0]}?" if near else "`conch up --help` lists the settings."


def _toml_names() -> list[str]:
    try:
        return list(tomllib.loads(Path(TOML_FILE).read_text()))
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{TOML_FILE} cannot be read: {error}") from error


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
    names = f"{flag_name(field)} or {environment_name(field)}"
    # Of a check of our own; not all of them name the value.
    reason = fault["ctx"]["error"] if fault["type"] == "value_error" else None
    known = GatewaySettings.model_fields.get(field)
    if known is not None and not known.repr:
        # It may hold a password.
        return f"{names}: {reason or fault['msg']}"
    if reason is None:
        return f"{names}: {sentence(fault)}"
    return f"{names} is {shown(fault['input'])}: {reason}"
