"""The real `conch up`, as a user would start it, with what the tests ask of it."""

import re
import shutil
from pathlib import Path
from typing import Any

import httpx2

from stack.trial import TrialStack

ROOT = Path(__file__).parent.parent.parent
SAMPLES = ROOT / "exporters" / "zoo" / "samples"


class RunningStack(TrialStack):
    """A stack to call and to break."""

    def new_key(self, *arguments: str) -> str:
        """A key made by `conch keys create`."""
        made = self.conch("keys", "create", "--tenant", "tests", *arguments)
        assert made.returncode == 0, made.stderr
        found = re.search(r"ck_\w+", made.stdout)
        assert found, made.stdout
        return found[0]

    def get(self, path: str, key: str | None = None, **request: Any) -> httpx2.Response:
        """One call through the gateway; POST when there is a body."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        method = "POST" if "content" in request or "json" in request else "GET"
        headers |= request.pop("headers", {})
        return httpx2.request(method, self.url + path, headers=headers, timeout=30, **request)


def copy_repository(target: Path) -> None:
    """The committed part of the model repository, without built versions."""
    ignore = shutil.ignore_patterns("[0-9]*")
    shutil.copytree(ROOT / "model_repository", target, ignore=ignore)
