"""Load and build errors that people meet again and again: what they mean and what mends them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class KnownError:
    """A line of a log that is known, and what to do about it."""

    line: str
    cause: str
    cure: str


# Texts as servers and compilers print them; the first that matches a line explains it.
_KNOWN: tuple[tuple[str, str, str], ...] = (
    (
        r"Version tag does not match.*Current Version: (?P<server>\S+?), "
        r"Serialized Engine Version: (?P<engine>\S+)",
        "The engine was built by another TensorRT (its tag is {engine}; the server's is {server}).",
        "Build it again in the container with the server's own tag, or with version_compatible.",
    ),
    (
        r"expecting library version (?P<server>[\d.]+) got (?P<engine>[\d.]+)",
        "The engine was built by TensorRT {engine}, and the server has {server}; all four parts "
        "of the number must be equal.",
        "Build it again in the container with the server's own tag.",
    ),
    (
        r"magicTag",
        "The file is no bare TensorRT engine: cut off while it was copied, or with a header "
        "before the engine, as Ultralytics writes it.",
        "Copy it again, or take the header off (the first 4 bytes are its length).",
    ),
    (
        r"unable to load plan file",
        "TensorRT could not read the engine at all.",
        "Read the line before this one; most often the engine is of another TensorRT or GPU.",
    ),
    (
        r"CUDA initialization failure with error: (?P<code>\d+)",
        "TensorRT found no usable NVIDIA driver (CUDA error {code}).",
        "Build on a machine with a GPU, give the container one (--gpus all), or use --flavor rtx.",
    ),
    (
        r"factory function returned nullptr",
        "TensorRT's builder cannot be made without a GPU and its driver.",
        "Build on a machine with a GPU, or use --flavor rtx.",
    ),
    (
        r"[Uu]nable to find (?:backend library for )?backend '?(?P<backend>\w+)'?|"
        r"unexpected platform type '?(?P<platform>\w+)'?",
        "This server has no backend for the model.",
        "Export it in a format that the server runs: the embedded one has pytorch and onnxruntime.",
    ),
    (
        r"unknown platform/backend pair|must specify.*torch_aoti",
        "This server is older than the platform torch_aoti (26.03; with batching 26.06).",
        "Use a newer server, or export as torchscript or onnx.",
    ),
    (
        r"Unsupported model IR version: (?P<found>\d+), max supported IR version: (?P<most>\d+)",
        "The ONNX file has IR version {found}, and this ONNX Runtime reads up to {most}.",
        "Export it again with an older opset, or use a server with a newer ONNX Runtime.",
    ),
    (
        r"opset (?P<found>\d+) is under development|ONNX Runtime only \*guarantees\* support",
        "The ONNX file has an opset that this ONNX Runtime does not know.",
        "Export it again with an older opset, or use a server with a newer ONNX Runtime.",
    ),
    (
        r"PytorchStreamReader failed|not a ZIP archive",
        "The TorchScript or AOTInductor file is cut off, or is no such file.",
        "Copy or export it again; `conch verify NAME` tells whether a file has changed.",
    ),
    (
        r"CUDA out of memory|out of memory",
        "There was not enough memory for the model.",
        "Lower instance_count or max_batch_size, or give the server more memory.",
    ),
    (
        r"(?i)(?:failed|unable) to (?:initialize|grow|create|increase).*shared memory",
        "The shared memory between Triton and a Python backend is used up.",
        "Give /dev/shm more room (Docker: --shm-size=1g).",
    ),
    (
        r"undefined symbol: \S+",
        "A compiled file was built against another version of a library than is loaded here.",
        "Export the model again with the versions that the server has.",
    ),
)
_PATTERNS = tuple((re.compile(pattern), cause, cure) for pattern, cause, cure in _KNOWN)


def explain(line: str) -> KnownError | None:
    """`explain("... expecting library version 11.1.0.106 got 11.4.0.106 ...")` names both."""
    for pattern, cause, cure in _PATTERNS:
        if found := pattern.search(line):
            return KnownError(line.strip(), cause.format(**found.groupdict()), cure)
    return None


def explain_log(text: str) -> Iterator[KnownError]:
    """Each cause found in a log, once, with the first line that shows it."""
    causes: set[str] = set()
    for line in text.splitlines():
        known = explain(line)
        if known is not None and known.cause not in causes:
            causes.add(known.cause)
            yield known
