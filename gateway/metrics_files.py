"""Where the processes of a gateway keep their metrics for `/metrics`: files, one set a process."""

import os
from pathlib import Path

# Read by prometheus_client when it is first imported.
VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def metrics_dir(state_dir: Path) -> Path:
    return state_dir.resolve() / "metrics"


def prepare_metrics(state_dir: Path) -> Path:
    """Have prometheus_client, once imported, write its files under the state directory."""
    directory = metrics_dir(state_dir)
    directory.mkdir(parents=True, exist_ok=True)
    os.environ[VARIABLE] = str(directory)
    return directory


def forget_dead_processes(state_dir: Path) -> None:
    """Drop files of processes that are gone: all when none is left, else what they had in flight.

    Counts of a dead worker stay while others live: a sum that falls looks like a restart of all.
    """
    files = {
        file: int(file.stem.rpartition("_")[2]) for file in metrics_dir(state_dir).glob("*.db")
    }
    living = {pid for pid in files.values() if pid != os.getpid() and _is_alive(pid)}
    for file, pid in files.items():
        if pid not in living and (not living or file.name.startswith("gauge_live")):
            file.unlink(missing_ok=True)


def forget_process(state_dir: Path, pid: int) -> None:
    """Drop what a process that has just ended had in flight; what it counted stays."""
    for file in metrics_dir(state_dir).glob(f"gauge_live*_{pid}.db"):
        file.unlink(missing_ok=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
