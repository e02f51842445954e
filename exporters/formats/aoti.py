"""AOTInductor: torch.export compiled to machine code, for Triton's `torch_aoti` platform."""

import json
import os
import platform
import shutil
import tempfile
import zipfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from exporters.arrays import Arrays, Runner
from exporters.compiling.convolutions import any_batch
from exporters.compiling.exported_program import exported_program
from exporters.compiling.quiet import quiet
from exporters.compiling.shape_guards import listening
from exporters.errors import CompileError, HostError
from exporters.formats import Compiled, Source
from exporters.spec import Interface

BACKEND = "pytorch"
PLATFORM = "torch_aoti"
FILENAME = "model.pt2"
PRECISIONS = ("fp32",)
ORDINAL_NAMES = True
VARIES = "the C++ compiler writes the name of its temporary folder into the library"

COMPILERS = ("g++", "clang++")
# Every x86-64 server since 2013 runs this, where Inductor by itself builds for the processor that
# it happens to run on; oneDNN still chooses the widest instructions when the model runs.
PORTABLE_X86 = {"cpp.march": "x86-64-v3", "cpp.simdlen": 256}
PORTABLE_X86_NAME = "x86-64-v3"
METADATA = "wrapper_metadata.json"
CPU_KEY, MACHINE_KEY = "CONCH_CPU", "AOTI_MACHINE"


def check_host(flavor: str) -> None:
    if not _compiler():
        raise HostError(
            f"AOTInductor needs a C++ compiler, and neither {' nor '.join(COMPILERS)} is on the "
            "path. Install one (Debian and Ubuntu: apt-get install g++), or name it in the "
            "environment variable CXX."
        )


def compile(source: Source, path: Path) -> Compiled:
    check_host(source.flavor)
    program = exported_program(source.module, source.spec, source.example)
    target = _target()
    with tempfile.TemporaryDirectory(prefix="conch-aoti-") as directory:
        written = Path(directory) / FILENAME
        try:
            with any_batch(), listening(), quiet():
                torch._inductor.aoti_compile_and_package(
                    program, package_path=str(written), inductor_configs=_configuration(target)
                )
        except Exception as error:  # Inductor and the C++ compiler have exceptions of their own
            reason = str(error).strip().partition("\n")[0]
            raise CompileError(
                f"'{source.spec.name}' cannot be compiled by AOTInductor: {reason} Try another "
                "format."
            ) from error
        shutil.move(written, path)
    return Compiled(source.precision, {"cpu": target, "machine": platform.machine()})


def load(path: Path, interface: Interface) -> Runner:
    _check_processor(path)
    # Read once, by a package's first run: without it a wrong shape reads memory that is not its.
    os.environ.setdefault("AOTI_RUNTIME_CHECK_INPUTS", "1")
    loader = load_package(path)

    def run(inputs: Arrays) -> Arrays:
        tensors = [torch.from_numpy(inputs[tensor.name]).clone() for tensor in interface.inputs]
        with torch.inference_mode():
            results: list[Tensor] = loader.boxed_run(tensors)
        return {
            tensor.name: result.numpy().copy()
            for tensor, result in zip(interface.outputs, results, strict=True)
        }

    return run


def load_package(path: Path) -> Any:
    """Torch's own loader of a package; raises a `HostError` where it cannot take it."""
    try:
        # Not torch._inductor.aoti_load_package, which imports the whole compiler.
        return torch._C._aoti.AOTIModelPackageLoader(str(path), "model", False, 1, -1)
    except RuntimeError as error:
        reason = str(error).strip().partition("\n")[0]
        raise HostError(
            f"torch {torch.__version__} cannot load {path.name}: {reason} A package runs with the "
            "version of torch that compiled it; compile the model again on this host."
        ) from error


def versions() -> dict[str, str]:
    return {"torch": torch.__version__, "compiler": _compiler() or "none"}


def _compiler() -> str | None:
    names = (os.environ["CXX"],) if os.environ.get("CXX") else COMPILERS
    return next((name for name in names if shutil.which(name)), None)


def _target() -> str:
    """The processors that the library is compiled for."""
    portable = platform.machine() == "x86_64" and torch.cpu._is_avx2_supported()
    return PORTABLE_X86_NAME if portable else f"native {platform.machine()}"


def _configuration(target: str) -> dict[str, Any]:
    return {
        # The server has another number of cores than this machine.
        "cpp.dynamic_threads": True,
        **(PORTABLE_X86 if target == PORTABLE_X86_NAME else {}),
        # Torch takes the smallest size of every dimension for 2 here, whatever was declared.
        "aot_inductor.check_lowerbound": False,
        "aot_inductor.metadata": {
            "CONCH_VERSION": version("conch"),
            CPU_KEY: target,
        },
    }


def _check_processor(path: Path) -> None:
    """A processor that lacks an instruction of the library would end the process that runs it."""
    metadata = _metadata(path)
    built_for, machine = metadata.get(CPU_KEY, ""), metadata.get(MACHINE_KEY, platform.machine())
    fits = machine == platform.machine()
    if built_for == PORTABLE_X86_NAME:
        fits = fits and torch.cpu._is_avx2_supported()
    if not fits:
        raise HostError(
            f"{path.name} was compiled for {built_for or machine} processors, and this host's "
            f"({platform.machine()}) lacks what they have. Compile the model again on this host."
        )


def _metadata(path: Path) -> dict[str, str]:
    if not zipfile.is_zipfile(path):
        return {}  # torch says what is wrong with it
    with zipfile.ZipFile(path) as package:
        names = [name for name in package.namelist() if name.endswith(METADATA)]
        found: dict[str, str] = json.loads(package.read(names[0])) if names else {}
    return found
