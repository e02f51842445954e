"""Keeps what compilers say about themselves from whoever exports."""

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr

_CHATTY = ("torch.onnx._internal.exporter._registration", "root")


@contextmanager
def quiet() -> Iterator[None]:
    """Torch and ONNX Runtime warn of their own inner workings, and print graphs they cannot finish.

    What a model itself warns of, it has said when it was run before.
    """
    loggers = [logging.getLogger(name) for name in _CHATTY]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
