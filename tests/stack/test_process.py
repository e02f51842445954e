"""A managed child: started, logged, ended with everything it started."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stack.errors import ProcessError
from stack.process import Command, ManagedProcess
from stack.process_identity import ProcessIdentity, boot_id, read_stat
from stack.process_orphans import orphans
from tests.waiting import wait_until

# Starts a grandchild, says its process id, and waits.
PARENT = (
    "import subprocess, time; child = subprocess.Popen(['sleep', '600']);"
    "print(child.pid, flush=True); time.sleep(600)"
)
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + PARENT


def managed(state_dir: Path, code: str, name: str = "child") -> ManagedProcess:
    command = Command(name, [sys.executable, "-c", code], os.environ, state_dir / "work")
    return ManagedProcess(command, state_dir)


def alive(pid: int) -> bool:
    stat = read_stat(pid)
    return stat is not None and stat.alive


def grandchild(process: ManagedProcess) -> int:
    return int(wait_until(lambda: process.log_since_start().strip()))


@pytest.mark.parametrize("code", [PARENT, STUBBORN])
def test_stop_ends_the_child_and_what_it_started(tmp_path: Path, code: str) -> None:
    async def scenario() -> None:
        process = managed(tmp_path, code)
        await process.start()
        child, started = process.pid, await asyncio.to_thread(grandchild, process)
        await process.stop(timeout_s=0.2)
        assert child and not alive(child) and not alive(started)
        assert process.pid is None
        assert not (tmp_path / "processes/child.json").exists()

    asyncio.run(scenario())


def test_end_now_ends_what_a_crashed_child_left(tmp_path: Path) -> None:
    async def scenario() -> None:
        process = managed(tmp_path, PARENT)
        await process.start()
        started = await asyncio.to_thread(grandchild, process)
        process.signal(signal.SIGKILL)
        assert await process.wait() == -signal.SIGKILL
        assert alive(started)
        await process.end_now()
        assert not alive(started)

    asyncio.run(scenario())


@pytest.mark.parametrize("leader_lives", [True, False])
def test_the_next_start_ends_the_orphan(tmp_path: Path, leader_lives: bool) -> None:
    async def scenario() -> None:
        earlier = managed(tmp_path, STUBBORN)
        await earlier.start()
        assert earlier.pid
        left = [earlier.pid, await asyncio.to_thread(grandchild, earlier)]
        if not leader_lives:
            earlier.signal(signal.SIGKILL)
            await earlier.wait()
        later = managed(tmp_path, "pass")
        await later.start()
        assert not any(map(alive, left))
        await later.wait()
        await later.end_now()

    asyncio.run(scenario())


# Ends itself when its child is there and not yet recorded.
KILLED_BETWEEN = f"""
import asyncio, os, signal, sys
from pathlib import Path
import stack.process
from stack.process import Command, ManagedProcess

stack.process.identify = lambda pid, token: os.kill(os.getpid(), signal.SIGKILL)
state = Path(sys.argv[1])
command = Command("child", [sys.executable, "-c", {STUBBORN!r}], os.environ, state)
asyncio.run(ManagedProcess(command, state).start())
"""


def test_the_next_start_ends_a_child_whose_parent_was_killed_before_recording_it(
    tmp_path: Path,
) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED_BETWEEN, str(tmp_path)])
    assert killed.returncode == -signal.SIGKILL
    log = tmp_path / "logs/child.log"
    started = int(wait_until(lambda: log.read_text().strip()))
    stat = read_stat(started)
    assert stat and stat.alive and alive(stat.group_id)

    async def scenario() -> None:
        later = managed(tmp_path, "pass")
        await later.start()
        assert not alive(started) and not alive(stat.group_id)
        await later.wait()
        await later.end_now()

    asyncio.run(scenario())
    assert not (tmp_path / "processes/child.json").exists()


def test_orphans_are_listed_until_they_are_ended(tmp_path: Path) -> None:
    async def scenario() -> None:
        assert orphans(tmp_path) == []
        earlier = managed(tmp_path, PARENT)
        await earlier.start()
        started = await asyncio.to_thread(grandchild, earlier)
        assert sorted(orphans(tmp_path)) == sorted([earlier.pid or 0, started])
        await earlier.end_now()
        assert orphans(tmp_path) == []

    asyncio.run(scenario())


@pytest.mark.parametrize("mistaken", ["start_ticks", "boot_id"])
def test_a_stranger_with_the_recorded_pid_is_left_alone(tmp_path: Path, mistaken: str) -> None:
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as stranger:
        stat = read_stat(stranger.pid)
        assert stat
        identity = ProcessIdentity(
            stranger.pid,
            stat.start_ticks + (mistaken == "start_ticks"),
            "another boot" if mistaken == "boot_id" else boot_id(),
            token="of another life",
        )
        identity.write(tmp_path / "processes/child.json")

        async def scenario() -> None:
            process = managed(tmp_path, "pass")
            await process.start()
            await process.wait()
            await process.end_now()

        asyncio.run(scenario())
        assert alive(stranger.pid)
        stranger.kill()


def test_a_damaged_record_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "processes").mkdir()
    (tmp_path / "processes/child.json").write_text('{"pid": ')

    async def scenario() -> None:
        process = managed(tmp_path, "print('here')")
        await process.start()
        assert await process.wait() == 0
        await process.end_now()

    asyncio.run(scenario())
    assert (tmp_path / "logs/child.log").read_text() == "here\n"


def test_the_log_is_rotated_once_a_run(tmp_path: Path) -> None:
    async def run_twice(word: str) -> None:
        process = managed(tmp_path, f"print('{word}')")
        for _ in range(2):
            await process.start()
            await process.wait()
        await process.end_now()

    asyncio.run(run_twice("old"))
    asyncio.run(run_twice("new"))
    assert (tmp_path / "logs/child.log").read_text() == "new\nnew\n"
    assert (tmp_path / "logs/child.log.1").read_text() == "old\nold\n"


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    process = ManagedProcess(Command("ghost", ["/no/such/program"], {}, tmp_path), tmp_path)
    with pytest.raises(ProcessError, match=r"ghost cannot be started: /no/such/program: No such"):
        asyncio.run(process.start())
    assert not (tmp_path / "processes/ghost.json").exists()


def test_a_state_directory_that_became_unusable_is_an_error_and_no_obstacle_to_the_end(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        process = managed(tmp_path, PARENT)
        await process.start()
        child = process.pid
        shutil.rmtree(tmp_path / "processes")
        (tmp_path / "processes").touch()
        await process.end_now()
        assert child and not alive(child)
        with pytest.raises(ProcessError, match=r"child cannot be started: .*Make that path usable"):
            await process.start()

    asyncio.run(scenario())
