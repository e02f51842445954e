"""Clients in threads that call without pause while a test changes what they call."""

import threading
from abc import ABC, abstractmethod
from typing import Self


class Clients(ABC):
    """As many as `count`, from the start of a `with` block to its end."""

    def __init__(self, count: int) -> None:
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._call_until_stopped) for _ in range(count)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    @property
    def stopped(self) -> bool:
        return self._stopping.is_set()

    @abstractmethod
    def _call_until_stopped(self) -> None:
        """What one client does."""
