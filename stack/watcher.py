"""Follows the model repository: what appears, changes or vanishes there, Triton is told of.

Only once a model's folder has been quiet for a moment and is all there, so that nothing half
copied is ever loaded.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from watchfiles import awatch

from exporters.errors import ExportError
from exporters.publishing.staging import sweep
from exporters.publishing.versions import model_config, rejection, served_versions
from exporters.publishing.whole import missing_in_model, missing_in_version
from stack.deployment import Deployment, deployment_of
from stack.errors import RefusedError, StackError
from stack.load_note import was_interrupted
from stack.model_look import NOTHING, Look, look_at, look_at_models
from stack.settings import StackSettings
from stack.triton_models import is_safe_name, plain_reason

_QUIET_S = 1.0
_LOOK_INTERVAL_MS = 200


async def follow_repository(
    settings: StackSettings, triton_url: str, known: Mapping[str, Look], say: Callable[[str], None]
) -> None:
    """Keep the Triton at this URL to what the repository holds, until cancelled."""
    deployment = deployment_of(settings, triton_url)
    try:
        await Watcher(deployment, known, say=say).run()
    finally:
        await deployment.client.close()


class Watcher:
    """Tells a running Triton of every change since `known`; `say` gets a line for each outcome.

    >>> known = look_at_models(deployment.repository)
    >>> await Watcher(deployment, known, say=print).run()   # until cancelled
    """

    def __init__(
        self,
        deployment: Deployment,
        known: Mapping[str, Look],
        *,
        say: Callable[[str], None],
        complete: Callable[[Path], Awaitable[str | None]] | None = None,
    ) -> None:
        self._deployment = deployment
        self._repository = deployment.repository
        self._say = say
        self._complete = complete or complete_folder
        # What nobody has described yet was not loaded by the start.
        self._seen = {n: look for n, look in known.items() if model_config(self._repository / n)}
        self._told: dict[str, list[int]] = {}
        self._changed_at: dict[str, float] = {}
        self._settling: set[str] = set()

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as settling:
            try:
                await self._watch(settling)
            except (OSError, RuntimeError) as error:
                self._say(
                    f"changes in {self._repository} are not noticed any more: {error}. "
                    "The next `conch up` loads what is there."
                )

    async def _watch(self, settling: asyncio.TaskGroup) -> None:
        looked = False
        async for changes in awatch(
            self._repository,
            watch_filter=None,
            rust_timeout=_LOOK_INTERVAL_MS,
            yield_on_timeout=True,
            step=_LOOK_INTERVAL_MS // 4,
        ):
            now = asyncio.get_running_loop().time()
            if not looked:
                # What changed before the watch began.
                looked = True
                self._changed_at = dict.fromkeys(self._differing(), now)
            for _, path in changes:
                self._note(Path(path), now)
            for name in self._interrupted():
                self._changed_at.setdefault(name, now)
            for name in self._quiet(now):
                # One that takes long to load or to complete keeps no other waiting.
                self._settling.add(name)
                settling.create_task(self._settle(name))

    def _differing(self) -> list[str]:
        now = look_at_models(self._repository)
        names = {*now, *self._seen}
        return [name for name in names if now.get(name, NOTHING) != self._seen.get(name, NOTHING)]

    def _note(self, path: Path, now: float) -> None:
        parts = path.relative_to(self._repository).parts
        if parts and is_safe_name(parts[0]):
            self._changed_at[parts[0]] = now

    def _quiet(self, now: float) -> list[str]:
        quiet = [name for name, at in self._changed_at.items() if now - at > _QUIET_S]
        return [name for name in quiet if name not in self._settling]

    def _interrupted(self) -> list[str]:
        return [name for name in self._seen if was_interrupted(self._repository, name)]

    async def _settle(self, name: str) -> None:
        try:
            # Triton's own start is what loads it; a new version waits until that is over.
            if await self._deployment.live():
                del self._changed_at[name]
                await self._settle_now(name)
        finally:
            self._settling.remove(name)

    async def _settle_now(self, name: str) -> None:
        try:
            outcome = await self._follow(name)
        except (StackError, ExportError) as error:
            outcome = str(error)
        except (OSError, ValueError) as error:
            # A file that a person wrote may hold anything; the others are followed all the same.
            outcome = f"model {name} stays as it was: {' '.join(str(error).split())}"
        if outcome:
            self._say(outcome)

    async def _follow(self, name: str) -> str | None:
        """Bring Triton to what the folder holds; what came of it, None if it holds nothing new."""
        folder = self._repository / name
        before, now = self._seen.get(name, NOTHING), look_at(folder)
        if now == before:
            return await self._taken_back(name)
        self._seen[name] = now
        if now == NOTHING:
            return await self._vanished(name)
        if model_config(folder) is None:
            return await self._completed(folder)
        ready = await self._deployment.client.ready_versions(name)
        newest = max(now.changed_versions(before), default=0)
        if ready and newest > self._newest_in_service(name, ready):
            return await self._appeared(name, newest, ready)
        if self._deployment.has_loaded(name):
            # A command has changed it, and has told Triton first.
            return self._serves(name, ready)
        return await self._changed(name, ready)

    def _newest_in_service(self, name: str, ready: list[int]) -> int:
        """On disk and in Triton: a command that was killed may have told Triton alone."""
        return min(max(served_versions(self._repository, name), default=0), max(ready))

    def _serves(self, name: str, versions: list[int]) -> str | None:
        if self._told.get(name) == versions:
            return None
        self._told[name] = versions
        return f"model {name} serves version {_listed(versions)}"

    async def _taken_back(self, name: str) -> str | None:
        """Triton may serve what a killed command asked of it; the repository says what counts."""
        if not was_interrupted(self._repository, name):
            return None
        before = await self._deployment.client.ready_versions(name)
        await self._deployment.take_back(name)
        ready = await self._deployment.client.ready_versions(name)
        if ready == before:
            return None
        self._told[name] = ready
        return f"model {name} serves version {_listed(ready)} again: what changed it was ended"

    async def _vanished(self, name: str) -> str | None:
        self._seen.pop(name, None)
        self._told.pop(name, None)
        if not await self._deployment.client.ready_versions(name):
            return None
        await self._deployment.unload(name)
        return f"model {name} is gone from the repository and is not served any more"

    async def _appeared(self, name: str, version: int, ready: list[int]) -> str | None:
        if rejection(self._repository, name, version):
            return None
        if missing := missing_in_version(self._repository, name, version):
            return f"model {name}: {missing}; version {max(ready)} goes on serving"
        await self._deployment.activate(name, version, unasked=True)
        # The configuration has changed with it; other versions may have come meanwhile.
        shared = look_at(self._repository / name).shared
        self._seen[name] = Look(shared, self._seen[name].versions)
        return self._serves(name, await self._deployment.client.ready_versions(name))

    async def _changed(self, name: str, ready: list[int]) -> str | None:
        stays = "stays as it was" if ready else "is not served"
        if missing := missing_in_model(self._repository, name):
            return f"model {name} {stays}: {missing}"
        try:
            await self._deployment.reload(name)
        except RefusedError as error:
            return f"model {name} {stays}: {plain_reason(error.reason)}"
        serving = await self._deployment.client.ready_versions(name)
        if serving != ready:
            return self._serves(name, serving)
        return f"model {name} serves version {_listed(serving)} again, as its files are now"

    async def _completed(self, folder: Path) -> str | None:
        if not any(path.is_file() for path in folder.rglob("*")):
            return None
        problem = await self._complete(folder)
        # What was written is a change, which is looked at next.
        return f"model {folder.name} has no config.pbtxt: {problem}" if problem else None


def _listed(versions: list[int]) -> str:
    return ", ".join(map(str, versions))


async def complete_folder(folder: Path) -> str | None:
    """Have `conch add` write the configuration that a copied folder lacks; why it could not."""
    process = await asyncio.create_subprocess_exec(
        # -P: not the working directory first, where a stack.py would be run in place of ours.
        *(sys.executable, "-P", "-m", "stack", "add", "--complete", folder.name),
        *("--model-repository", str(folder.parent)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        _, said = await process.communicate()
    finally:
        if process.returncode is None:
            # With the process in which it tries the file out.
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            sweep(folder.parent)
    if process.returncode == 0:
        return None
    return " ".join(said.decode(errors="replace").split()).removeprefix("conch: ")
