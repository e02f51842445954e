"""`python -m stack.gateway_bench.profiled_worker FILE`: the worker, looked at while it works.

A timer of processor time interrupts it some hundred times a second; which function was at work then
is counted. The interpreter calls back at the next call or function entry, so the time of C code
(parser, event loop, system calls) falls to the function that called it.
"""

import dis
import json
import signal
import sys
from collections import Counter
from pathlib import Path
from types import FrameType

from gateway.worker import main

_INTERVAL_S = 0.001
_ENTRY = dis.opmap["RESUME"]
EVENT_LOOP = "event loop"


def profile(file: Path) -> None:
    """Run the worker and leave counts by function in the file."""
    counts: Counter[str] = Counter()

    def look(number: int, frame: FrameType | None) -> None:
        counts[_at_work(frame)] += 1

    signal.signal(signal.SIGPROF, look)
    signal.signal(signal.SIGUSR1, _begin)
    try:
        main()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        file.write_text(json.dumps(counts))


def _begin(number: int, frame: FrameType | None) -> None:
    """Told from outside: what the start costs is not looked at."""
    signal.setitimer(signal.ITIMER_PROF, _INTERVAL_S, _INTERVAL_S)


def _at_work(frame: FrameType | None) -> str:
    if frame is not None and frame.f_code.co_code[frame.f_lasti] == _ENTRY:
        # It is about to begin: the time before was its caller's.
        frame = frame.f_back
    if frame is None or "asyncio" in Path(frame.f_code.co_filename).parts:
        return EVENT_LOOP
    place = Path(frame.f_code.co_filename)
    return f"{place.parent.name}/{place.name} {frame.f_code.co_qualname}"


if __name__ == "__main__":
    # The worker reads what is left of the arguments.
    profile(Path(sys.argv.pop(1)))
