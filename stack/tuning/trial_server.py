"""A Triton of its own, beside whatever serves clients, that runs trial models.

Its models are the folder of the tuned one under other names: the files are linked, the
configuration is changed. No client, and no model that clients call, has to do with it; it takes
its share of the machine's cores and nothing else.
"""

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from exporters.publishing.versions import VERSION_PATTERN
from stack.errors import AlreadyRunningError, NoAnswerError, RefusedError, TuningError
from stack.settings import StackSettings
from stack.state import state_lock
from stack.trial import free_ports
from stack.triton import EmbeddedTriton
from stack.triton_client import TritonClient
from stack.triton_install import find_triton
from stack.triton_models import plain_reason
from stack.tuning.configuration import config_path, configuration_of
from stack.tuning.values import Values

SHIPPED = "shipped"
_CALL_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class TrialServer:
    """Runs the version of a model with any values, under any name.

    >>> with trial_server(settings, "mnist_cnn", 1) as server:
    ...     server.load("a", values)
    """

    url: str
    embedded: bool
    shipped: Values
    _source: Path
    _version: int
    _models: Path
    _client: TritonClient
    _runner: asyncio.Runner
    _load_timeout_s: float

    def load(self, name: str, values: Values) -> None:
        """Serve the model with these values; RefusedError or NoAnswerError where it cannot be."""
        write_trial_model(
            self._models / name, self._source, self._version, values, embedded=self.embedded
        )
        try:
            self._runner.run(self._client.load(name, timeout_s=self._load_timeout_s))
        except (RefusedError, NoAnswerError):
            shutil.rmtree(self._models / name)
            raise

    def unload(self, name: str) -> None:
        """End a trial model."""
        self._runner.run(self._client.unload(name, timeout_s=self._load_timeout_s))
        shutil.rmtree(self._models / name)

    def config(self, name: str) -> dict[str, Any]:
        """What Triton says a trial model is served with."""
        return self._runner.run(self._client.config(name))

    def metadata(self) -> dict[str, Any]:
        """What the model takes and gives."""
        url = f"{self.url}/v2/models/{SHIPPED}"
        answer = httpx2.get(url, timeout=_CALL_TIMEOUT_S, trust_env=False)
        metadata: dict[str, Any] = answer.raise_for_status().json()
        return metadata


@contextmanager
def trial_server(settings: StackSettings, name: str, version: int) -> Iterator[TrialServer]:
    """Started with the model as it is shipped; everything of it is gone at the end.

    Its state directory is a fixed one, so that what a killed run left is ended by the next, and so
    that two runs cannot disturb each other's figures.
    """
    state_dir = settings.state_dir / "tuning"
    source = settings.model_repository.resolve() / name
    embedded = not find_triton(settings.triton_server).has_own_backends
    try:
        with state_lock(settings.state_dir / "tuning"), asyncio.Runner() as runner:
            models = _fresh(state_dir / "models")
            values = configuration_of(source, embedded=embedded).values
            write_trial_model(models / SHIPPED, source, version, values, embedded=embedded)
            triton = EmbeddedTriton(_private(settings, state_dir), lambda problem: None)
            client = TritonClient(triton.http_url)
            try:
                report = runner.run(triton.start())
                if report.broken:
                    raise TuningError(
                        f"Version {version} of '{name}' does not load, so it cannot be tuned: "
                        f"{plain_reason(report.broken[0].reason)}."
                    )
                yield TrialServer(
                    triton.http_url,
                    embedded,
                    values,
                    source,
                    version,
                    models,
                    client,
                    runner,
                    settings.triton_load_timeout_s,
                )
            finally:
                runner.run(client.close())
                runner.run(triton.stop())
                shutil.rmtree(models, ignore_errors=True)
    except AlreadyRunningError as error:
        raise TuningError(
            f"Another `conch tune` runs on {settings.state_dir}; two would disturb each other's "
            "figures. Wait for its end."
        ) from error


def write_trial_model(
    folder: Path, source: Path, version: int, values: Values, *, embedded: bool
) -> None:
    """A model's folder with other values: its files are linked, so their bytes are the same."""
    folder.mkdir(parents=True)
    for path in source.iterdir():
        if VERSION_PATTERN.fullmatch(path.name):
            continue
        if path.is_dir():
            shutil.copytree(path, folder / path.name)
        else:
            shutil.copy2(path, folder)
    (folder / "1").symlink_to(source / str(version), target_is_directory=True)
    tuned = configuration_of(source, embedded=embedded).with_values(values)
    target = folder / config_path(embedded=embedded)
    target.parent.mkdir(exist_ok=True)
    target.write_text(tuned.as_trial(folder.name).text, encoding="utf-8")


def _private(settings: StackSettings, state_dir: Path) -> StackSettings:
    http_port, grpc_port, metrics_port = free_ports(3)
    return settings.model_copy(
        update={
            "state_dir": state_dir,
            "model_repository": state_dir / "models",
            "triton_http_port": http_port,
            "triton_grpc_port": grpc_port,
            "triton_metrics_port": metrics_port,
            "triton_cache_bytes": 0,
        }
    )


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder
