"""The first start of a stack, and the one after a first start that failed."""

import signal
import subprocess
from pathlib import Path

from exporters.publishing.staging import staging_root
from stack.trial import CONCH
from tests.e2e.running_stack import RunningStack, copy_repository
from tests.e2e.test_load_and_crashes import processes_of
from tests.waiting import wait_until


def test_the_demo_key_is_not_lost_with_a_start_that_fails(tmp_path: Path) -> None:
    (tmp_path / "model_repository").mkdir()
    mine = RunningStack(tmp_path)
    # No such host: the gateway cannot listen there.
    failed = mine.conch("up", CONCH_HOST="nowhere.invalid")
    assert failed.returncode == 1
    assert "nowhere.invalid" in failed.stderr
    mine.start()
    assert mine.stop() == 0
    assert "Demo key, shown only now: ck_" in mine.output


def test_nothing_is_left_of_a_first_export_that_is_ended(tmp_path: Path) -> None:
    mine = RunningStack(tmp_path)
    copy_repository(tmp_path / "model_repository")
    up = subprocess.Popen([CONCH, "up"], env=mine.environment, stdout=subprocess.DEVNULL)
    wait_until(lambda: proofs_of(tmp_path) or up.poll() is not None, 60)
    assert proofs_of(tmp_path)
    up.terminate()
    assert up.wait(timeout=30) == 128 + signal.SIGTERM
    assert processes_of(tmp_path) == []
    assert list(staging_root(tmp_path / "model_repository").glob("*.staged")) == []


def proofs_of(folder: Path) -> list[str]:
    return [line for line in processes_of(folder) if "proof_child" in line]
