"""Writes the names that a release of TensorRT offers, without a GPU and without its libraries.

    python -m tests.exporters.tensorrt_parts.read_names tensorrt_cu13_bindings 11.4.0.106

The bindings on PyPI are real, the libraries that they are linked to are not there. Empty ones take
their place: names are registered at import, and nothing is called. Needs pip and gcc.
"""

import json
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

NAMES = Path(__file__).parent / "names"
LIBRARIES = ("nvinfer", "nvinfer_plugin", "nvonnxparser")
FUNCTIONS = (
    "createInferBuilder_INTERNAL",
    "createInferRefitter_INTERNAL",
    "createInferRuntime_INTERNAL",
    "createNvOnnxParserRefitter_INTERNAL",
    "createNvOnnxParser_INTERNAL",
    "getBuilderPluginRegistry",
    "getNvOnnxParserVersion",
    "getPluginRegistry",
    "initLibNvInferPlugins",
)
PRINT = """
import json, tensorrt_bindings as trt
public = lambda value: sorted(name for name in dir(value) if not name.startswith("_"))
classes = {name: getattr(trt, name) for name in public(trt)}
print(json.dumps({
    name: public(value) for name, value in classes.items() if isinstance(value, type)
}))
"""


def main(package: str, version: str) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        names = read(package, version, Path(scratch))
    lines = (f"{json.dumps(name)}: {json.dumps(names[name])}" for name in sorted(names))
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    (NAMES / f"{version}.json").write_text(text, encoding="utf-8")


def read(package: str, version: str, scratch: Path) -> dict[str, list[str]]:
    run = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", f"{package}=={version}"]
    subprocess.run([*run, "-d", str(scratch)], check=True)
    (wheel,) = scratch.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(scratch)
    stub_libraries(scratch, version.partition(".")[0])
    environment = {**os.environ, "LD_LIBRARY_PATH": str(scratch), "PYTHONPATH": str(scratch)}
    done = subprocess.run(
        [sys.executable, "-c", PRINT], env=environment, check=True, capture_output=True, text=True
    )
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


def stub_libraries(directory: Path, major: str) -> None:
    source = directory / "stub.c"
    source.write_text("".join(f"void *{name}(void) {{ return 0; }}\n" for name in FUNCTIONS))
    for name in LIBRARIES:
        file = f"lib{name}.so.{major}"
        command = ["gcc", "-shared", "-fPIC", f"-Wl,-soname,{file}", "-o", directory / file, source]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
