"""What is compiled when Conch is installed."""

import ast
import runpy
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
SETUP: dict[str, Any] = runpy.run_path(str(ROOT / "setup.py"))
MODULES: list[str] = SETUP["modules"]()


@pytest.mark.parametrize("module", MODULES)
def test_no_class_has_what_the_compiler_would_leave_out(module: str) -> None:
    """It takes `class C(Base, option=True)` for `class C(Base)`, without a word."""
    tree = ast.parse((ROOT / module).read_text())
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    assert [node.name for node in classes if node.keywords] == []


def test_an_editable_install_runs_the_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["setup.py", "editable_wheel"])
    assert SETUP["extensions"]() == []


def test_the_compiler_can_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["setup.py", "bdist_wheel"])
    monkeypatch.setenv("CONCH_COMPILE", "0")
    assert SETUP["extensions"]() == []


def test_without_a_c_compiler_the_sources_are_installed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["setup.py", "bdist_wheel"])
    monkeypatch.setenv("PATH", "")
    assert SETUP["extensions"]() == []
    assert "no C compiler" in capsys.readouterr().err
