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


def clear_metrics(state_dir: Path) -> None:
    """Drop what earlier processes left; to be called while no worker runs."""
    for file in metrics_dir(state_dir).glob("*.db"):
        file.unlink(missing_ok=True)
