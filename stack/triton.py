"""The embedded Triton: started with every model loaded, supervised, ended without a trace."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from stack.errors import StartError
from stack.preflight import check_machine, require
from stack.process import Command, ManagedProcess
from stack.process_supervisor import Supervisor
from stack.settings import StackSettings
from stack.triton_client import TritonClient
from stack.triton_command import LOOPBACK, shm_prefix, triton_command
from stack.triton_ending import end_triton
from stack.triton_install import TritonInstall, assemble_backends, find_triton
from stack.triton_launch import Launcher
from stack.triton_log import follow
from stack.triton_mending import Mender
from stack.triton_models import LoadReport, load_report, loadable_models, unsafe_names


class EmbeddedTriton:
    """One tritonserver on loopback; the caller holds the lock of the state directory.

    >>> triton = EmbeddedTriton(settings, on_problem=print)
    >>> report = await triton.start()
    >>> await triton.run()   # until cancelled, or until stop() is called elsewhere
    >>> await triton.stop()
    """

    def __init__(self, settings: StackSettings, on_problem: Callable[[str], None]) -> None:
        self.http_url = f"http://{LOOPBACK}:{settings.triton_http_port}"
        self._settings = settings
        self._on_problem = on_problem
        self._repository = settings.model_repository.resolve()
        state_dir = settings.state_dir.resolve()
        self._process = ManagedProcess(Command("triton", (), {}, state_dir / "triton"), state_dir)
        self._client = TritonClient(self.http_url)
        self._launcher = Launcher(
            self._process,
            self._client,
            self._repository,
            shm_prefix=shm_prefix(settings.state_dir),
            timeout_s=settings.triton_load_timeout_s,
            on_problem=on_problem,
        )
        self._supervision: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the running tritonserver."""
        return self._process.pid

    async def start(self) -> LoadReport:
        """End an orphan, check the machine, start Triton, wait until it serves its models.

        Raises StackError. A model that fails to load is in the report; the others serve.
        """
        if not self._repository.is_dir():
            raise StartError(
                f"The model repository {self._repository} does not exist. Run `conch export`, or "
                "name another with --model-repository or CONCH_MODEL_REPOSITORY."
            )
        await self._process.end_orphan()
        require(check_machine(self._settings, self._settings.triton_ports))
        return await self._launch()

    async def run(self) -> None:
        """Keep Triton and its models running until cancelled or stopped."""
        self._supervision = asyncio.create_task(self._supervise())
        try:
            await asyncio.wait([self._supervision])
        finally:
            self._supervision.cancel()
        if not self._supervision.cancelled():
            self._supervision.result()

    async def stop(self) -> None:
        """Let requests in flight finish, then end everything; harmless when nothing runs."""
        if self._supervision is not None:
            self._supervision.cancel()
            await asyncio.wait([self._supervision])
        try:
            await end_triton(self._process, drain_s=self._settings.triton_exit_timeout_s)
        finally:
            self._launcher.clean_up()
            await self._client.close()

    async def _supervise(self) -> None:
        supervisor = Supervisor(self._process, restart=self._relaunch, on_problem=self._on_problem)
        mender = Mender(self._client, self._process, self._repository, self._on_problem)
        async with asyncio.TaskGroup() as group:
            group.create_task(supervisor.run())
            group.create_task(follow(self._process.log_path, self._on_problem))
            group.create_task(mender.run())

    async def _relaunch(self) -> None:
        report = await self._launch()
        for model in report.broken:
            self._on_problem(str(model))

    async def _launch(self) -> LoadReport:
        install, backends, models = self._prepare()
        try:
            await self._launcher.launch(
                models, lambda names: triton_command(self._settings, install, backends, names)
            )
            index = await self._client.index()
        except BaseException:
            await self._launcher.end()
            raise
        log_text = self._process.log_since_start()
        return load_report(models, index, log_text, self._launcher.crashing)

    def _prepare(self) -> tuple[TritonInstall, Path, list[str]]:
        """The server, its backend directory, and the models there are now."""
        install = find_triton(self._settings.triton_server)
        try:
            backends = assemble_backends(install, self._settings.state_dir.resolve())
            models = loadable_models(self._repository)
            unsafe = unsafe_names(self._repository)
        except OSError as error:
            raise StartError(
                f"Triton's start could not be prepared: {error}. Make that path usable again, "
                "then run `conch up`."
            ) from error
        for name in unsafe:
            self._on_problem(
                f"model {name!r} is not served: rename its folder to letters, digits, . _ and -"
            )
        return install, backends, models
