"""Reads the flags of `conch tune` that say what to try and what counts as better."""

from exporters.manifest import Manifest
from stack.errors import UsageError
from stack.tuning.bounds import Range, parse_range
from stack.tuning.objective import Balanced, Objective, Within

USERS = "1,8,32"
USERS_WITHIN = "1,2,4,8,16,32,64,128"
_IN_MS = {"us": 1e-3, "ms": 1.0, "s": 1e3}


def objective_of(p99: str | None, users: str | None) -> Objective:
    """`--p99 20ms` is the aim of a limit; without it the balanced one."""
    if p99 is None:
        return Balanced(_counts(users or USERS))
    number = p99.rstrip("mus")
    try:
        limit_ms = float(number) * _IN_MS[p99[len(number) :]]
    except (ValueError, KeyError):
        raise UsageError(f"--p99 is '{p99}'; write it as 20ms, 500us or 1s.") from None
    if not 0 < limit_ms < float("inf"):
        raise UsageError(f"--p99 is '{p99}'; it must be more than nothing, and have an end.")
    return Within(_counts(users or USERS_WITHIN), limit_ms)


def range_of(text: str | None, flag: str, default: Range) -> Range:
    """`1:4`; the default where the flag was not given."""
    return parse_range(text, flag) if text else default


def max_batch_range(
    name: str, text: str | None, *, shipped: int, manifest: Manifest | None, smaller: bool
) -> Range:
    """Clients may send what is served now, and nothing larger than this was ever proven."""
    if text is None:
        return Range(shipped, shipped)
    wanted = parse_range(text, "--max-batch")
    proven = max((row.batch for row in manifest.proof), default=shipped) if manifest else shipped
    if wanted.high > proven:
        raise UsageError(
            f"--max-batch goes up to {wanted.high}, and '{name}' was proven up to {proven}. Stay "
            "within it, or export the model with a larger max_batch_size first."
        )
    if wanted.low < shipped and not smaller:
        raise UsageError(
            f"--max-batch goes down to {wanted.low}, and clients of '{name}' may send {shipped}. "
            f"Begin with {shipped}, or allow it by --change-interface."
        )
    return wanted


def _counts(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise UsageError(f"--users is '{text}'; write it as {USERS}.")
    return tuple(sorted({int(part) for part in parts}))
