"""The one line of a long report that says what went wrong."""

import re

_TRACEBACK = "Traceback of TorchScript"
# A trace shows the Python that it came from so: `/models/net.py(12): forward`.
_FRAME = re.compile(r"\S.*\(\d+\): \S+")


def one_line_reason(problem: BaseException) -> str:
    """The line that names the cause, with those that go on with it, indented.

    torch puts it first and its advice and C++ frames after it; only TorchScript puts its own
    traceback before it. ONNX Runtime goes on in indented lines.
    """
    lines = [line for line in str(problem).splitlines() if line.strip()]
    tracebacks = [at for at, line in enumerate(lines) if line.startswith(_TRACEBACK)]
    if tracebacks:
        after = [line for line in lines[tracebacks[-1] + 1 :] if not _FRAME.fullmatch(line)]
        lines = after[_indented(after) :]
    if not lines:
        return type(problem).__name__
    rest = lines[1:]
    return " ".join(line.strip() for line in [lines[0], *rest[: _indented(rest)]])


def _indented(lines: list[str]) -> int:
    """How many lines at the beginning are indented."""
    return next((at for at, line in enumerate(lines) if not line[0].isspace()), len(lines))
