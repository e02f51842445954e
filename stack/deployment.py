"""Puts a version of a model into service in a running Triton, and only then in the repository.

Triton is given the new version's configuration with the load call itself. It loads the version
beside the old one, which serves until the new one is ready and its warm-up has run; where that
fails, it goes on serving. The repository changes only after that, so that a crash in between
leaves what the next start can serve.
"""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from exporters.publishing.override import folder_override, load_override
from exporters.publishing.policy import CONTAINER_CONFIG, EMBEDDED_CONFIG
from exporters.publishing.staging import lock_model
from exporters.publishing.versions import (
    accept,
    reject,
    rejection,
    require_version,
    served_versions,
)
from exporters.repository import (
    keep_serving,
    prune,
    published_versions,
    remove_model,
    serve,
)
from stack.errors import DeploymentError, NoAnswerError, RefusedError, TritonError
from stack.load_note import note, note_loading, noted
from stack.model_look import Look, look_at
from stack.settings import StackSettings
from stack.state import is_running, own_triton_url
from stack.triton_client import TritonClient
from stack.triton_install import find_triton
from stack.triton_models import plain_reason

_LOCK_INTERVAL_S = 0.05
# "load failed for model 'm': version 3 is at UNAVAILABLE state: Internal: ..."
_UNAVAILABLE = re.compile(
    r"version (\d+) is at UNAVAILABLE state: (.*?)(?=;? *version \d+ is at |;?$)", re.DOTALL
)


@dataclass(frozen=True)
class Deployment:
    """The models of a repository and, where one runs, the Triton that serves them.

    >>> await Deployment(TritonClient(url), Path("model_repository")).activate("mnist_mlp", 2)
    """

    client: TritonClient
    repository: Path
    has_server: bool = True
    """Whether a server is known to serve this repository: on its port may be a stranger."""
    embedded: bool = True
    """Whether the server reads configs/embedded.pbtxt, and not NVIDIA's config.pbtxt."""
    load_timeout_s: float = 120.0

    async def live(self) -> bool:
        """Whether a server of this repository answers."""
        return self.has_server and await self.client.live()

    async def activate(self, name: str, version: int, *, unasked: bool = False) -> bool:
        """Serve a version; whether a running server proved that it loads.

        Raises DeploymentError where the server refuses it: what served before still does, and
        the version is marked as rejected. One that was rejected before is tried again unless
        nobody has asked for it.
        """
        require_version(self.repository, name, version)
        async with self._locked(name) as lock:
            if not await self.live():
                serve(self.repository, name, version)
                return False
            before = await self.client.ready_versions(name)
            if unasked and version in before and version in served_versions(self.repository, name):
                return True
            known = rejection(self.repository, name, version)
            if unasked and known:
                raise self._refusal(name, version, before, known.reason)
            loaded = look_at(self.repository / name)
            noted_before = note_loading(lock)
            try:
                await self._load(name, version)
            except TritonError as error:
                if isinstance(error, RefusedError):
                    note(lock, noted_before)
                raise self._rejected(name, version, before, error) from error
            accept(self.repository, name, version)
            serve(self.repository, name, version)
            # Triton would load it a second time: it compares time stamps of files.
            now = Look(look_at(self.repository / name).shared, loaded.versions)
            note(lock, self._fingerprint(name, now))
            return True

    def has_loaded(self, name: str) -> bool:
        """Whether Triton has what is served on disk, given to it before it got there."""
        now = look_at(self.repository / name)
        return noted(self.repository, name) == self._fingerprint(name, now)

    async def reload(self, name: str) -> None:
        """Have Triton read the model's folder again; RefusedError if it keeps what it had."""
        async with self._locked(name):
            await self.client.load(name, timeout_s=self.load_timeout_s)

    async def take_back(self, name: str) -> None:
        """Have Triton serve what the folder says, whatever an ended command has told it."""
        async with self._locked(name) as lock:
            note(lock, "")
            override = folder_override(self.repository, name, config=self._config)
            await self.client.load(name, timeout_s=self.load_timeout_s, config=override)

    async def unload(self, name: str) -> None:
        """Take a model out of service."""
        async with self._locked(name):
            await self.client.unload(name, timeout_s=self.load_timeout_s)

    async def remove(self, name: str) -> None:
        """Take a model out of service and remove its folder."""
        async with self._locked(name):
            if await self.live() and await self.client.ready_versions(name):
                await self.client.unload(name, timeout_s=self.load_timeout_s)
            remove_model(self.repository, name)

    async def prune(self, name: str, *, keep: int) -> list[int]:
        """Remove old versions that are not served; what was removed."""
        async with self._locked(name):
            in_use = await self.client.ready_versions(name) if await self.live() else []
            return prune(self.repository, name, keep=keep, in_use=in_use)

    @property
    def _config(self) -> str:
        return EMBEDDED_CONFIG if self.embedded else CONTAINER_CONFIG

    async def _load(self, name: str, version: int) -> None:
        override = load_override(self.repository, name, version, config=self._config)
        await self.client.load(name, timeout_s=self.load_timeout_s, config=override)
        if not await self.client.ready(name, version):
            raise DeploymentError("Triton loaded it, but does not call it ready")

    def _rejected(
        self, name: str, version: int, before: list[int], error: TritonError
    ) -> DeploymentError:
        reason = _reason(error, version)
        reject(self.repository, name, version, reason)
        still = [old for old in before if old in published_versions(self.repository, name)]
        if still and version in served_versions(self.repository, name):
            keep_serving(self.repository, name, still)
        return self._refusal(name, version, before, reason)

    def _refusal(self, name: str, version: int, before: list[int], reason: str) -> DeploymentError:
        serving = f"Version {', '.join(map(str, before))} goes on serving" if before else ""
        return DeploymentError(
            f"Version {version} of '{name}' was not taken: {reason}. "
            f"{serving or 'No version of it is served'}. Version {version} is marked as rejected "
            "and is not tried again by itself: mend the model and export it again, or try it once "
            f"more with `conch rollback {name} --to {version}`."
        )

    def _fingerprint(self, name: str, look: Look) -> str:
        return look.of_versions(served_versions(self.repository, name)).fingerprint()

    @asynccontextmanager
    async def _locked(self, name: str) -> AsyncIterator[int]:
        """One change of a model at a time, whichever process makes it."""
        while (descriptor := lock_model(self.repository, name)) is None:
            await asyncio.sleep(_LOCK_INTERVAL_S)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


@asynccontextmanager
async def open_deployment(settings: StackSettings) -> AsyncIterator[Deployment]:
    """The deployment that a command's settings mean, whether or not a server runs."""
    elsewhere = settings.triton_url if "triton_urls" in settings.model_fields_set else None
    url = elsewhere or own_triton_url(settings.state_dir) or settings.triton_url
    deployment = deployment_of(settings, url)
    try:
        yield deployment
    finally:
        await deployment.client.close()


def deployment_of(settings: StackSettings, triton_url: str) -> Deployment:
    """The settings' repository and the server at this URL; the caller closes the client."""
    own = triton_url == own_triton_url(settings.state_dir)
    return Deployment(
        TritonClient(triton_url),
        settings.model_repository.resolve(),
        has_server=is_running(settings.state_dir) or "triton_urls" in settings.model_fields_set,
        # `conch gateway` may run here too, in front of a server that is not ours.
        embedded=own and not find_triton(settings.triton_server).has_own_backends,
        load_timeout_s=settings.triton_load_timeout_s,
    )


def _reason(error: TritonError, version: int) -> str:
    """Triton's words on this version, in one line."""
    if isinstance(error, NoAnswerError):
        return "Triton ended, or gave no answer in time, while it loaded it"
    words = error.reason if isinstance(error, RefusedError) else str(error)
    by_version = dict(_UNAVAILABLE.findall(words))
    return plain_reason(by_version.get(str(version), words)).rstrip(".;")
