"""Starts Triton with its models, so that one that crashes or hangs does not keep the others down.

A model that ends Triton is not named anywhere: all that is known is which models had no outcome
by then. Those are loaded one by one, by a Triton that serves the others.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from stack.errors import StartError, StubError
from stack.process import Command, ManagedProcess
from stack.triton_client import TritonClient
from stack.triton_leftovers import environment_folders, remove_empty, remove_shared_memory
from stack.triton_log import models_without_outcome
from stack.triton_startup import until_live, until_loaded
from stack.triton_stubs import living_stubs


class Launcher:
    """Starts the server, as often as it takes; remembers the models that ended it."""

    def __init__(
        self,
        process: ManagedProcess,
        client: TritonClient,
        repository: Path,
        *,
        shm_prefix: str,
        timeout_s: float,
        on_problem: Callable[[str], None],
    ) -> None:
        self._process = process
        self._client = client
        self._repository = repository
        self._shm_prefix = shm_prefix
        self._timeout_s = timeout_s
        self._on_problem = on_problem
        self._crashing: dict[str, str] = {}
        self._folders: set[Path] = set()

    @property
    def crashing(self) -> Mapping[str, str]:
        """Models that are not asked for any more, with the reason."""
        return self._crashing

    async def launch(
        self, models: Sequence[str], command: Callable[[Sequence[str]], Command]
    ) -> None:
        """Return when Triton is live and every model has an outcome; raise StackError if it can't.

        `command` makes the command line that starts Triton with the models it is given.
        """
        others_folders = environment_folders()
        try:
            await self._launch([name for name in models if name not in self._crashing], command)
        finally:
            self._folders |= environment_folders() - others_folders

    async def end(self) -> None:
        """End the server, and remove what it left."""
        await self._process.end_now()
        self.clean_up()

    def clean_up(self) -> None:
        """Remove what ended servers left in shared memory and in /tmp."""
        remove_shared_memory(self._shm_prefix)
        remove_empty(self._folders)

    async def _launch(
        self, at_start: list[str], command: Callable[[Sequence[str]], Command]
    ) -> None:
        suspects: list[str] = []
        while True:
            found = await self._start(command(at_start), at_start)
            if found:
                at_start = [name for name in at_start if name not in found]
                suspects = sorted({*suspects, *found})
            elif await self._load_one_by_one(at_start, suspects):
                return

    async def _start(self, command: Command, models: Sequence[str]) -> list[str]:
        """The models one of which made Triton end, or wait too long; none where it is live."""
        remove_shared_memory(self._shm_prefix)
        self._process.command = command
        await self._process.start()
        try:
            await until_live(self._process, self._client, timeout_s=self._timeout_s)
        except (StartError, StubError) as error:
            suspects = self._suspects(models, error)
            await self.end()
            if not suspects:
                raise
            self._on_problem(
                f"triton could not load every model; one of these is the cause: "
                f"{', '.join(suspects)}. The others are loaded first, then these one by one"
            )
            return suspects
        return []

    def _suspects(self, models: Sequence[str], error: StartError | StubError) -> list[str]:
        suspects = models_without_outcome(models, self._process.log_since_start())
        if isinstance(error, StartError) or self._process.pid is None:
            return suspects
        running = {stub.model for stub in living_stubs(self._process.pid, self._repository)}
        silent = [name for name in suspects if name not in running]
        # Where no model's process starts, it is this machine and not the models.
        return silent if len(silent) < len(models) else []

    async def _load_one_by_one(self, at_start: list[str], suspects: list[str]) -> bool:
        """Move each that loads to `at_start`; False if one ended Triton, which must start again."""
        while suspects:
            name = suspects.pop(0)
            try:
                await until_loaded(self._process, self._client, name, timeout_s=self._timeout_s)
            except (StartError, StubError) as error:
                self._crashing[name] = (
                    f"{error} Mend the model; the next `conch up` tries it again."
                )
                await self.end()
                return False
            at_start.append(name)
        return True
