"""The one line of a long report that says what went wrong."""

_TRACEBACK = "Traceback of TorchScript"


def one_line_reason(problem: BaseException) -> str:
    """The line that names the cause, with those that go on with it, indented.

    torch puts it first and its advice and C++ frames after it; only TorchScript puts its own
    traceback before it. ONNX Runtime goes on in indented lines.
    """
    lines = [line for line in str(problem).splitlines() if line.strip()]
    tracebacks = [at for at, line in enumerate(lines) if line.startswith(_TRACEBACK)]
    if tracebacks:
        after = lines[tracebacks[-1] + 1 :]
        lines = after[_indented(after) :]
    if not lines:
        return type(problem).__name__
    rest = lines[1:]
    return " ".join(line.strip() for line in [lines[0], *rest[: _indented(rest)]])


def _indented(lines: list[str]) -> int:
    """How many lines at the beginning are indented."""
    return next((at for at, line in enumerate(lines) if not line[0].isspace()), len(lines))
