"""What a client is told of a fault: its own in full, ours not at all."""

import structlog

from gateway.errors import HttpError, InternalError

_log = structlog.get_logger()


def answerable(error: BaseException) -> HttpError:
    """The error itself if it is an answer, else one for a fault of ours, which is logged."""
    if isinstance(error, HttpError):
        return error
    _log.error("request_failed", exc_info=error)
    return InternalError("The gateway failed on this request; its log says why.")
