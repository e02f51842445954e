"""The documentation says what the code says, and names only what is there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "model_repository" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]


def test_the_generated_parts_are_up_to_date() -> None:
    done = subprocess.run([sys.executable, "-m", "stack.reference"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_make_target_that_is_named_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)\b(?=[`\n])", page.read_text()))
    assert named <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_is_linked_exists(page: Path) -> None:
    linked = re.findall(r"\]\((?!https?://)([^)#]+)\)", page.read_text())
    assert [link for link in linked if not (page.parent / link).exists()] == []


def test_every_file_that_the_page_on_security_names_exists() -> None:
    page = (ROOT / "docs" / "security.md").read_text()
    named = re.findall(r"`((?:gateway|stack|tests)/[^`]+)`", page)
    assert named and [name for name in named if not (ROOT / name).exists()] == []


def test_the_example_of_the_model_repository_publishes_a_model(tmp_path: Path) -> None:
    page = (ROOT / "model_repository" / "README.md").read_text()
    (program,) = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "model_repository" / "halver" / "1" / "model.onnx").exists()
