"""Where a run took place and against what: the machine, the checkout, Triton and its models."""

import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2

from loadtest.results import Machine

_GIT_TIMEOUT_S = 5.0
_HASH_LENGTH = 16


def this_machine() -> Machine:
    """The machine on which this process runs, as it is now."""
    return Machine(
        cores=len(os.sched_getaffinity(0)),
        processor=_processor(),
        memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        load_average=os.getloadavg()[0],
    )


def this_commit(folder: Path = Path(__file__).parent.parent) -> str:
    """The commit of the checkout that holds this code, `+changes` where it differs; else empty."""
    # An installed package may lie within a checkout of something else.
    if not (folder / ".git").exists():
        return ""
    commit = _git(folder, "rev-parse", "HEAD")
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return f"{commit}+changes" if commit and changed else commit


def triton_facts(client: httpx2.Client, triton_url: str) -> dict[str, str]:
    """Name, version and extensions as Triton tells them; empty where it does not answer."""
    told = _told(client, f"{triton_url}/v2")
    return {
        name: ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        for name, value in told.items()
    }


def model_hashes(client: httpx2.Client, triton_url: str, models: Iterable[str]) -> dict[str, str]:
    """Model -> hash of its configuration and the versions served; without those not found."""
    found = {}
    for model in models:
        path = f"{triton_url}/v2/models/{quote(model)}"
        metadata, config = _told(client, path), _told(client, f"{path}/config")
        if metadata and config:
            said = json.dumps([metadata, config], sort_keys=True)
            found[model] = hashlib.sha256(said.encode()).hexdigest()[:_HASH_LENGTH]
    return found


def _told(client: httpx2.Client, url: str) -> dict[str, Any]:
    try:
        answer = client.get(url)
        answer.raise_for_status()
        return dict(answer.json())
    except (httpx2.HTTPError, ValueError):
        return {}


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            timeout=_GIT_TIMEOUT_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
