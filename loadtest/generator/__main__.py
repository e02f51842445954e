"""Reads orders from standard input, sends requests, writes windows to standard output."""

# ruff: noqa: E402 - nothing may be imported before gevent has put itself into the modules
from gevent import monkey

monkey.patch_all(sys=False)

import gc
import os
import resource
import sys

import msgspec

from loadtest.errors import LoadTestError
from loadtest.protocol import Said, Start, Started, StepDone, StepOrder, WindowLine
from loadtest.results import Window
from loadtest.sending import OpenTraffic, open_traffic, use_grpc
from loadtest.stepping import run_step
from loadtest.traffic import Transport

# Windows go to whoever started this; what anything else here prints goes to standard error, where
# it can be in no line of theirs.
_windows = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

# More steps than any run has.
_STEPS = 1_000_000


def main() -> int:
    """Run until the input ends."""
    _raise_open_files()
    start = msgspec.json.decode(sys.stdin.buffer.readline(), type=Start)
    try:
        if start.traffic.transport is Transport.GRPC:
            use_grpc()
        ready = open_traffic(start.traffic, index=start.index)
    except LoadTestError as error:
        _say(Started(error=str(error)))
        return 1
    # The bodies live as long as the process: the collector need not look at them again.
    gc.collect()
    gc.freeze()
    _say(Started())
    # Steps differ in their arrivals, or the second look at a rate would be the first again; the
    # processes of a run count alike.
    for number, line in enumerate(sys.stdin.buffer):
        order = msgspec.json.decode(line, type=StepOrder)
        _say(_step(order, ready, start.traffic.seed * _STEPS + number))
    ready.close()
    return 0


def _step(order: StepOrder, ready: OpenTraffic, seed: int) -> StepDone:
    next_request, send = ready.next_request, ready.send
    try:
        run_step(
            order.load,
            lambda: send(next_request()),
            _tell,
            seed=seed,
            share=order.share,
            start_at=order.start_at,
        )
    except LoadTestError as error:
        return StepDone(error=str(error))
    return StepDone()


def _tell(window: Window) -> None:
    _say(WindowLine(window))


def _say(said: Said) -> None:
    try:
        _windows.write(msgspec.json.encode(said) + b"\n")
        _windows.flush()
    except BrokenPipeError:
        # Whoever asked for the load is gone, and nobody else may end it.
        sys.exit(1)


def _raise_open_files() -> None:
    """Each request in flight has a connection of its own; the usual limit is 1024."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    sys.exit(main())
