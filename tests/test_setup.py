"""What is compiled when Conch is installed."""

import ast
import runpy
from pathlib import Path
from typing import Any

import mypyc.build  # noqa: F401 - so that a part of it can be replaced
import pytest
from setuptools import Extension

ROOT = Path(__file__).parent.parent
SETUP: dict[str, Any] = runpy.run_path(str(ROOT / "setup.py"))
MODULES: list[str] = SETUP["modules"]()


@pytest.mark.parametrize("module", MODULES)
def test_no_class_has_what_the_compiler_would_leave_out(module: str) -> None:
    """It takes `class C(Base, option=True)` for `class C(Base)`, without a word."""
    tree = ast.parse((ROOT / module).read_text())
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    assert [node.name for node in classes if node.keywords] == []


@pytest.mark.parametrize(
    "command", ["editable_wheel", "egg_info", "dist_info", "sdist", "--version"]
)
def test_nothing_is_compiled_but_for_a_wheel(monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setattr("sys.argv", ["setup.py", command])
    assert SETUP["extensions"]() == []


def test_a_wheel_is_compiled_and_no_warning_fails_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def mypycify(paths: list[str], *, opt_level: str) -> list[Extension]:
        assert paths[-len(MODULES) :] == MODULES
        return [Extension(opt_level, [], extra_compile_args=["-Werror", "-Wall"])]

    monkeypatch.setattr("sys.argv", ["setup.py", "bdist_wheel"])
    monkeypatch.setattr("mypyc.build.mypycify", mypycify)
    (extension,) = SETUP["extensions"]()
    assert (extension.name, extension.extra_compile_args) == ("3", ["-Wall"])


def test_compiling_can_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["setup.py", "bdist_wheel"])
    monkeypatch.setenv("USE_MYPYC", "0")
    assert SETUP["extensions"]() == []


def test_without_a_c_compiler_the_sources_are_installed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["setup.py", "bdist_wheel"])
    monkeypatch.setenv("CC", "no-such-compiler -O2")
    assert SETUP["extensions"]() == []
    assert "no C compiler (no-such-compiler)" in capsys.readouterr().err


def test_without_the_headers_of_python_the_sources_are_installed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.argv", ["setup.py", "bdist_wheel"])
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path))
    assert SETUP["extensions"]() == []
    assert f"no {tmp_path}/Python.h" in capsys.readouterr().err
