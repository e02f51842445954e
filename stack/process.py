"""A child process that leaves nothing behind: own group, log file, provable identity.

One `ManagedProcess` may be started again after it ended; restarting by itself is the supervisor's
part (process_supervisor.py). The caller holds the lock of the state directory, so a process
recorded there belongs to a run that is over.
"""

import asyncio
import contextlib
import os
import secrets
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.private_files import make_private_file
from stack.errors import ProcessError
from stack.process_identity import TOKEN_VARIABLE, ProcessIdentity, identify, intended
from stack.process_orphans import end_group, end_orphan, process_files


@dataclass(frozen=True)
class Command:
    """What to run; `name` also names the log and the process file."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    directory: Path


class ManagedProcess:
    """A child and everything it starts, ended together.

    >>> process = ManagedProcess(Command("sleeper", ["sleep", "60"], os.environ, Path("/")), state)
    >>> await process.start(); await process.stop(timeout_s=5)
    """

    def __init__(self, command: Command, state_dir: Path) -> None:
        self.command = command
        self.log_path = state_dir / "logs" / f"{command.name}.log"
        self._identity_path = process_files(state_dir) / f"{command.name}.json"
        self._identity: ProcessIdentity | None = None
        self._child: asyncio.subprocess.Process | None = None
        self._log_rotated = False
        self._log_start = 0
        # A stop that meets a start waits for it: no child may appear after it.
        self._starting = asyncio.Lock()

    @property
    def pid(self) -> int | None:
        """Process id while the child runs."""
        if self._child is None or self._child.returncode is not None:
            return None
        return self._child.pid

    async def start(self) -> None:
        """Start the child, after ending what a run that is over left of it.

        Raises ProcessError, also where the state directory has become unusable meanwhile.
        """
        async with self._starting:
            try:
                await self._start()
            except OSError as error:
                raise ProcessError(
                    f"{self.command.name} cannot be started: {error}. Make that path usable again."
                ) from error

    async def _start(self) -> None:
        await self.end_orphan()
        self._rotate_log()
        token = secrets.token_hex(16)
        # Before the child is there: the next start finds it even if this process is killed now.
        intended(token).write(self._identity_path)
        with open(self.log_path, "ab", opener=make_private_file) as log:
            self._log_start = log.tell()
            try:
                self.command.directory.mkdir(parents=True, exist_ok=True)
                self._child = await asyncio.create_subprocess_exec(
                    *self.command.arguments,
                    env={**self.command.environment, TOKEN_VARIABLE: token},
                    cwd=self.command.directory,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            except OSError as error:
                self._identity_path.unlink(missing_ok=True)
                raise ProcessError(
                    f"{self.command.name} cannot be started: {self.command.arguments[0]}: "
                    f"{error.strerror}. Install it again, or run `conch doctor`."
                ) from error
        self._identity = identify(self._child.pid, token)
        self._identity.write(self._identity_path)

    async def end_orphan(self) -> None:
        """End what a run that is over left of this process, if it provably did."""
        await end_orphan(self._identity_path)

    async def wait(self) -> int:
        """Exit code of the child, once it ends; negative for a signal, as in subprocess."""
        if self._child is None:
            raise ProcessError(f"{self.command.name} was never started; call start() first.")
        return await self._child.wait()

    async def stop(self, *, timeout_s: float) -> None:
        """End the child: SIGTERM, then after `timeout_s` SIGKILL; then whatever it had started."""
        async with self._starting:
            pass
        if self._child is None:
            return
        self.signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._child.wait(), timeout_s)
        await self.end_now()

    async def end_now(self) -> None:
        """End the child and its group with SIGKILL; also what a crashed child left of its group."""
        if self._child is None or self._identity is None:
            return
        await end_group(self._identity)
        await self._child.wait()
        # Where somebody has cleared the state directory, there is no record to remove.
        with contextlib.suppress(OSError):
            self._identity_path.unlink(missing_ok=True)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the child alone; no error if it is gone."""
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def log_since_start(self) -> str:
        """What the child has written since it was last started."""
        return self.log_since(self._log_start)

    def log_since(self, position: int) -> str:
        """What was written to the log after this many bytes."""
        try:
            with self.log_path.open("rb") as log:
                log.seek(position)
                return log.read().decode(errors="replace")
        except FileNotFoundError:
            # Somebody has cleaned up; the processes are to be ended all the same.
            return ""

    def _rotate_log(self) -> None:
        """Once a run: a restart's lines belong beside those of the crash."""
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        if not self._log_rotated and self.log_path.exists():
            os.replace(self.log_path, self.log_path.with_suffix(".log.1"))
        self._log_rotated = True
