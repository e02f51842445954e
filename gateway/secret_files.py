"""Settings that hold a password may be read from a file: `CONCH_REDIS_URL_FILE=/run/secrets/url`.

So the password is in no environment that an operator sets, and a secret that is mounted as a file,
as Docker and Kubernetes do it, is used as it lies there.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from gateway.errors import ConfigurationError

SUFFIX = "_FILE"


class SecretFiles(PydanticBaseSettingsSource):
    """Reads, for each field that is not shown, the file that its variable with `_FILE` names."""

    def __init__(
        self,
        settings_cls: type[BaseSettings],
        prefix: str,
        environ: Mapping[str, str | None] = os.environ,
    ) -> None:
        super().__init__(settings_cls)
        self._prefix = prefix
        self._environ = environ

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return self._read(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        read = {name: self._read(name) for name in secret_fields(self.settings_cls)}
        return {name: value for name, value in read.items() if value is not None}

    def _read(self, field: str) -> str | None:
        name = self._prefix + field.upper()
        path = self._environ.get(name + SUFFIX)
        if not path:
            return None
        if self._environ.get(name):
            raise ConfigurationError(f"{name} and {name}{SUFFIX} are both set; leave one of them.")
        try:
            value = Path(path).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            raise ConfigurationError(f"{name}{SUFFIX} {path} cannot be read: {reason}.") from error
        if not value:
            raise ConfigurationError(f"{name}{SUFFIX} {path} is empty.")
        return value


def secret_fields(settings: type[BaseSettings]) -> list[str]:
    """Names of the fields that may hold a password: those that are never shown."""
    return [name for name, field in settings.model_fields.items() if not field.repr]
