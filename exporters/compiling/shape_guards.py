"""Listens to what torch.export assumes about sizes, and keeps the model's line for each of it."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

from exporters.compiling.model_line import ModelLine, line_of_call

_LOGGER = logging.getLogger("torch.fx.experimental.symbolic_shapes")
_CONSTANT = re.compile(r"specialized it to be a constant \((?P<size>\d+)\)")
_SOURCE = re.compile(r"L\['(?P<input>\w+)'\]\.size\(\)\[(?P<dimension>\d+)\]")


class ShapeGuards(logging.Handler):
    """Torch says what it assumes only in its log, at the moment when the model's line runs."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._symbols: dict[tuple[str, str], str] = {}
        self._guards: list[tuple[str, ModelLine]] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if text.startswith("create_symbol") and (source := _SOURCE.search(text)):
            self._symbols[source["input"], source["dimension"]] = text.split()[1]
        if "[guard added]" in text and "suppressed" not in text and (line := line_of_call()):
            self._guards.append((text.partition(" [guard added]")[0].partition(" ")[2], line))

    def line_for(self, complaint: str) -> ModelLine | None:
        """Where the assumption was made that torch complains of.

        The last guard on the size by itself is what fixed or bounded it; where there is none, the
        trouble began with the first guard that mentions it.
        """
        if constant := _CONSTANT.search(complaint):
            return self._last(rf"Eq\(\w+, {constant['size']}\)")
        source = _SOURCE.search(complaint)
        symbol = source and self._symbols.get((source["input"], source["dimension"]))
        if not symbol:
            return None
        return self._last(rf"{symbol} [<>]=? \d+") or self._first(rf"\b{symbol}\b")

    def _last(self, pattern: str) -> ModelLine | None:
        lines = [line for guard, line in self._guards if re.fullmatch(pattern, guard)]
        return lines[-1] if lines else None

    def _first(self, pattern: str) -> ModelLine | None:
        return next((line for guard, line in self._guards if re.search(pattern, guard)), None)


@contextmanager
def listening() -> Iterator[ShapeGuards]:
    """Torch's log is heard here and printed nowhere: the error says more in one paragraph."""
    guards = ShapeGuards()
    before = (_LOGGER.level, _LOGGER.propagate, _LOGGER.handlers)
    _LOGGER.setLevel(logging.INFO)
    _LOGGER.propagate = False
    _LOGGER.handlers = [guards]
    try:
        yield guards
    finally:
        # Not by assignment, which would leave the logger's cache of levels as it is.
        _LOGGER.setLevel(before[0])
        _LOGGER.propagate, _LOGGER.handlers = before[1:]
