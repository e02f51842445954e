"""docker-compose.yml as the Compose binary reads it, without a Docker engine."""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
COMPOSE = Path(sys.executable).with_name("docker-compose")
PROFILES = ("gpu", "monitoring", "loadtest", "export", "export-gpu")


@cache
def services(*profiles: str) -> dict[str, Any]:
    """The services of these profiles and of none, by name; variables have their defaults."""
    named = [word for profile in profiles for word in ("--profile", profile)]
    command = [COMPOSE, "-f", "docker-compose.yml", *named, "config", "--format", "json"]
    done = subprocess.run(
        command,
        cwd=ROOT,
        # An .env of whoever works here is theirs.
        env={"PATH": os.environ["PATH"], "COMPOSE_DISABLE_ENV_FILE": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)["services"]
    return found


def all_services() -> dict[str, Any]:
    """Those of every profile."""
    return services(*PROFILES)
