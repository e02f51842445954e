"""Restarts with back-off."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from stack.errors import StartError
from stack.process import Command, ManagedProcess
from stack.process_supervisor import Backoff, Supervisor


def failing(state_dir: Path) -> ManagedProcess:
    return ManagedProcess(
        Command("brief", [sys.executable, "-c", "raise SystemExit(3)"], os.environ, state_dir),
        state_dir,
    )


def test_the_wait_doubles_up_to_a_bound() -> None:
    backoff = Backoff(first_s=0.1, most_s=1.0)
    assert [backoff.delay_s(failures) for failures in (1, 2, 3, 4, 5, 100)] == [
        0.1,
        0.2,
        0.4,
        0.8,
        1.0,
        1.0,
    ]


def test_a_process_that_ends_is_started_again(tmp_path: Path) -> None:
    async def scenario() -> list[str]:
        problems: list[str] = []
        process, enough = failing(tmp_path), asyncio.Event()
        starts = 0

        async def restart() -> None:
            nonlocal starts
            starts += 1
            if starts == 2:
                raise StartError("not this time")
            await process.start()
            if starts == 3:
                enough.set()

        supervisor = Supervisor(
            process,
            restart=restart,
            on_problem=problems.append,
            backoff=Backoff(first_s=0.001, most_s=0.01),
        )
        await process.start()
        work = asyncio.create_task(supervisor.run())
        await asyncio.wait_for(enough.wait(), 10)
        supervisor.stopping()
        await process.stop(timeout_s=1)
        await asyncio.wait_for(work, 10)
        return problems

    problems = asyncio.run(scenario())
    assert problems[:3] == [
        "brief ended (exit code 3)",
        "starting brief again in 0.001 s",
        "brief is running again",
    ]
    assert "not this time" in problems
    assert "starting brief again in 0.004 s" in problems


def test_nothing_is_started_after_stopping(tmp_path: Path) -> None:
    async def scenario() -> None:
        process = failing(tmp_path)

        async def restart() -> None:
            pytest.fail("started although it was being stopped")

        supervisor = Supervisor(process, restart=restart, on_problem=lambda text: None)
        await process.start()
        supervisor.stopping()
        await asyncio.wait_for(supervisor.run(), 10)
        await process.stop(timeout_s=1)

    asyncio.run(scenario())
