"""Which core carries what: the gateway under test alone on one, load and upstream on the others."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Cores:
    """Sets of cores; with fewer than two there is nothing to keep apart."""

    gateway: frozenset[int]
    load: frozenset[int]

    @property
    def are_apart(self) -> bool:
        return not self.gateway & self.load


def choose_cores() -> Cores:
    """The first core that this process may use for the gateway, the second for all else."""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        return Cores(frozenset(usable), frozenset(usable))
    return Cores(frozenset(usable[:1]), frozenset(usable[1:2]))


@contextmanager
def pinned(cores: frozenset[int]) -> Iterator[None]:
    """What is started within runs on these cores only, with all that it starts."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
