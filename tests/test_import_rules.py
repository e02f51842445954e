"""The rules of the house on who may import whom, read from the source (CONTRIBUTING.md)."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.base_install import modules_of_extras

ROOT = Path(__file__).parent.parent
WINGS = ("exporters", "gateway", "loadtest")
HEAVY = {"torch", "onnx", "onnxruntime", "onnxscript", "tensorrt", "locust", "tritonclient"}
# Where a heavy import is at home; anywhere else it would break an install without the extra.
HEAVY_AT_HOME = {
    "exporters": HEAVY - {"locust"},
    "loadtest": {"locust", "tritonclient"},
    "stack/backends": {"torch", "onnxruntime"},
}
OF_EXTRA_REDIS = {"redis", "hiredis"}
# Who needs Redis asks gateway/quotas/open_redis.py, which imports these only then.
AT_HOME_OF_REDIS = "gateway/quotas/redis_*.py"
DATA_PLANE_MUST_NOT = {"fastapi", "starlette", "uvicorn", "sqlalchemy", "alembic", "pydantic"}


def modules() -> list[Path]:
    packages = (*WINGS, "stack")
    return [path for package in packages for path in sorted((ROOT / package).rglob("*.py"))]


def imports(path: Path) -> set[str]:
    """Dotted names of all modules that a file imports, wherever in the file."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write imports in full, not relative"
            assert node.module is not None
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def top_level(names: set[str]) -> set[str]:
    return {name.split(".")[0] for name in names}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_wings_do_not_import_one_another(path: Path) -> None:
    wing = path.relative_to(ROOT).parts[0]
    if wing == "stack":
        return
    others = {*WINGS, "stack"} - {wing}
    assert not top_level(imports(path)) & others


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_heavy_imports_stay_in_the_wing_whose_extra_installs_them(path: Path) -> None:
    relative = str(path.relative_to(ROOT))
    at_home = set().union(*(ok for home, ok in HEAVY_AT_HOME.items() if relative.startswith(home)))
    assert not (top_level(imports(path)) & HEAVY) - at_home


@pytest.mark.parametrize("path", sorted((ROOT / "gateway" / "data").rglob("*.py")), ids=name_of)
def test_the_data_plane_imports_no_framework_and_no_sql(path: Path) -> None:
    names = imports(path)
    assert not top_level(names) & DATA_PLANE_MUST_NOT
    assert not {name for name in names if name.startswith(("gateway.records", "gateway.admin"))}


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_the_client_of_redis_is_imported_only_at_home(path: Path) -> None:
    assert path.match(AT_HOME_OF_REDIS) or not top_level(imports(path)) & OF_EXTRA_REDIS


def test_imports_make_no_circle() -> None:
    known = {module_name(path): path for path in modules()}
    edges = {name: imports(path) & known.keys() for name, path in known.items()}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join((*trail, name))
        if name in done:
            return
        for target in edges[name] - {name}:
            visit(target, (*trail, name))
        done.add(name)

    for name in known:
        visit(name, ())


def test_no_package_is_called_triton() -> None:
    # torch imports a package of this name; ours would be found first.
    assert not [path for path in ROOT.rglob("triton/__init__.py") if ".venv" not in path.parts]


def test_the_command_line_starts_without_the_heavy_extras() -> None:
    program = f"import sys, stack.cli; sys.exit(', '.join(set(sys.modules) & {HEAVY!r}) or 0)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_gateway_imports_only_what_the_base_install_brings() -> None:
    paths = sorted((ROOT / "gateway").rglob("*.py"))
    paths = [path for path in paths if not path.match(AT_HOME_OF_REDIS)]
    # Migrations run within Alembic alone.
    ours = [module_name(path) for path in paths if "migrations" not in path.parts]
    theirs = top_level(set().union(*map(imports, paths)))
    program = f"""
import importlib, sys
sys.modules |= dict.fromkeys({modules_of_extras()!r})
for name in {[*ours, *sorted(theirs), "stack.cli"]!r}:
    importlib.import_module(name)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
