"""Every name of TensorRT that is used here exists in every TensorRT that is supported.

What needs a GPU is never run here, so this is what finds a misspelt call in it.
"""

import ast
import json
from pathlib import Path

import pytest

from exporters import tensorrt_parts
from exporters.tensorrt_parts.bindings import import_bindings

PARTS = sorted(Path(tensorrt_parts.__path__[0]).glob("*.py"))
NAMES = sorted((Path(__file__).parent / "names").glob("*.json"))
# How the parts call an object of each class.
VARIABLES = {
    "builder": "Builder",
    "cache": "ITimingCache",
    "config": "IBuilderConfig",
    "context": "IExecutionContext",
    "engine": "ICudaEngine",
    "inspector": "EngineInspector",
    "layer": "ILayer",
    "network": "INetworkDefinition",
    "parser": "OnnxParser",
    "parser_error": "ParserError",
    "parser_refitter": "OnnxParserRefitter",
    "profile": "IOptimizationProfile",
    "refitter": "Refitter",
    "runtime": "Runtime",
    "serialization": "ISerializationConfig",
}
# What bears one of those names and is our own.
OURS = {"profiles.py": {"profile"}, "cuda.py": {"context"}, "identity.py": {"engine"}}
Use = tuple[str, str]


def uses(source: str, ours: frozenset[str] = frozenset()) -> set[Use]:
    """Class (or module, as `trt`) and name of every attribute of TensorRT in a program."""
    tree = ast.parse(source)
    ours |= {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    attributes = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    found = {(owner(node.value, ours), node.attr) for node in attributes}
    return {(name, attribute) for name, attribute in found if name}


def owner(node: ast.expr, ours: frozenset[str]) -> str:
    if isinstance(node, ast.Name) and node.id in ours:
        return ""
    name = node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")
    if name == "trt":
        return "trt"
    if isinstance(node, ast.Attribute) and owner(node.value, ours) == "trt":
        return name
    return VARIABLES.get(name, "")


def used() -> set[Use]:
    return {
        use
        for path in PARTS
        for use in uses(path.read_text(), frozenset(OURS.get(path.name, ())))
        if not use[1].startswith("__")
    }


def lacking(offered: dict[str, list[str]], wanted: set[Use]) -> set[Use]:
    return {
        (name, attribute)
        for name, attribute in wanted
        if attribute not in (offered if name == "trt" else offered.get(name, ()))
    }


@pytest.mark.parametrize("path", NAMES, ids=lambda path: path.stem)
def test_every_call_exists_in_every_supported_tensorrt(path: Path) -> None:
    assert lacking(json.loads(path.read_text()), used()) == set()


def test_every_call_exists_in_tensorrt_for_rtx() -> None:
    trt = import_bindings("rtx").trt
    classes = {name: dir(getattr(trt, name)) for name in dir(trt)}
    assert lacking(classes, used()) == set()


def test_a_misspelt_call_is_found() -> None:
    offered = json.loads(NAMES[0].read_text())
    program = "config.set_flagg(trt.BuilderFlag.TF23)\nloaded.engine.serialise()"
    assert lacking(offered, uses(program)) == {
        ("IBuilderConfig", "set_flagg"),
        ("BuilderFlag", "TF23"),
        ("ICudaEngine", "serialise"),
    }


def test_what_only_a_gpu_runs_is_among_the_calls() -> None:
    assert {
        ("IBuilderConfig", "set_timing_cache"),
        ("IExecutionContext", "execute_async_v3"),
        ("OnnxParserRefitter", "refit_from_file"),
        ("EngineInspector", "get_engine_information"),
        ("SerializationFlag", "EXCLUDE_WEIGHTS"),
    } <= used()
