"""The stack under load: batches form, a killed Triton comes back, and nothing is left behind."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import httpx2

from tests.e2e.running_stack import ROOT, RunningStack
from tests.e2e.test_refusals import BODY, INFER
from tests.waiting import wait_until


def processes_of(folder: Path) -> list[str]:
    """Command lines of living processes that name this stack's folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            environment = (entry / "environ").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if str(folder) in command or str(folder) in environment:
            found.append(f"{entry.name} {command}")
    return found


def triton_pid(folder: Path) -> int:
    tritons = [line for line in processes_of(folder) if "tritonserver" in line.split()[1]]
    assert tritons, "no tritonserver found"
    return int(tritons[0].split()[0])


def executions(stack: RunningStack) -> tuple[int, int]:
    """Samples run by mnist_mlp so far, and the batches they were run in."""
    stats = httpx2.get(f"{stack.triton_url}/v2/models/mnist_mlp/stats").json()["model_stats"][0]
    return stats["inference_count"], stats["execution_count"]


def test_requests_of_32_clients_run_in_batches_above_four(own_stack: RunningStack) -> None:
    environment = os.environ | {"CONCH_API_KEY": own_stack.new_key()}
    command = [sys.executable, "-m", "loadtest.closed_loop", "--url", own_stack.url]
    command += ["--connections", "32", "--seconds", "4"]
    # The warm-up has run in batches of its own, so only the difference counts.
    before = executions(own_stack)
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["errors"] == 0
    sent = json.loads(done.stdout)["requests"]
    # Triton counts a request after it has answered it.
    wait_until(lambda: executions(own_stack)[0] - before[0] == sent, 5)
    batches = executions(own_stack)[1] - before[1]
    assert sent > 1000
    assert sent / batches > 4


def test_a_killed_triton_is_back_within_ten_seconds(own_stack: RunningStack) -> None:
    key = own_stack.new_key()
    statuses: Counter[int] = Counter()
    stopping = threading.Event()

    def load() -> None:
        with httpx2.Client(timeout=30) as client:
            while not stopping.is_set():
                answer = client.post(
                    own_stack.url + INFER, json=BODY, headers={"Authorization": f"Bearer {key}"}
                )
                statuses[answer.status_code] += 1

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: statuses[200] > 50, 10)
        os.kill(triton_pid(own_stack.folder), signal.SIGKILL)
        killed_at = time.monotonic()
        wait_until(lambda: statuses[503] > 0, 10)
        before = statuses[200]
        wait_until(lambda: statuses[200] > before + 10, 10)
        print(f"served again {time.monotonic() - killed_at:.1f} s after the kill")
    finally:
        stopping.set()
        for thread in threads:
            thread.join()
    # What was in flight at the moment of the kill may be a 502; all else is 200 or 503.
    assert set(statuses) <= {200, 502, 503}
    assert statuses[502] <= len(threads)


def test_nothing_is_left_after_ctrl_c(own_stack: RunningStack) -> None:
    assert processes_of(own_stack.folder)
    assert own_stack.stop(signal.SIGINT) == 0
    assert processes_of(own_stack.folder) == []


def test_the_next_start_ends_what_a_killed_parent_left(own_stack: RunningStack) -> None:
    left_behind = triton_pid(own_stack.folder)
    own_stack.stop(signal.SIGKILL)
    (own_stack.folder / "up.log").write_text("")
    own_stack.start()
    assert not Path(f"/proc/{left_behind}").exists()
    assert own_stack.get("/v2/health/ready").status_code == 200
    assert own_stack.stop() == 0
    assert processes_of(own_stack.folder) == []


def test_a_second_start_on_the_same_state_is_refused(stack: RunningStack) -> None:
    second = stack.conch("up")
    assert second.returncode == 1
    assert "already" in second.stderr
    assert "Traceback" not in second.stderr
