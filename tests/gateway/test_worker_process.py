"""A worker as its parent sees it."""

import asyncio
import signal
import subprocess
from pathlib import Path

import pytest

from gateway.listening import open_listeners
from gateway.worker_process import WorkerProcess


def test_a_worker_that_has_just_died_is_reaped_by_one_alone(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    # Without records it ends at once.
    monkeypatch.setenv("CONCH_STATE_DIR", str(tmp_path))

    def poll(process: subprocess.Popen[bytes]) -> int | None:
        raise AssertionError("looked before asyncio did")

    async def test() -> None:
        (listeners,) = open_listeners("127.0.0.1", 0)
        worker = await WorkerProcess.start(listeners)
        await worker.leaves()
        with monkeypatch.context() as patched:
            patched.setattr(subprocess.Popen, "poll", poll)
            worker.signal(signal.SIGKILL)
        assert await worker.wait() in ("exit code 1", "signal 9")
        worker.signal(signal.SIGKILL)
        for listener in listeners:
            listener.close()

    asyncio.run(test())
    assert not caplog.records
