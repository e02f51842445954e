"""How many files a worker may have open, which bounds the connections that it can take."""

import resource

import structlog

from gateway.data.handshakes import most_handshakes

# The listener, the records, logs, metrics, TLS files, and what a library opens for a moment.
RESERVED = 128

_log = structlog.get_logger()


def most_connections(
    wanted: int, upstream_connections: int, *, has_tls: bool, was_asked_for: bool
) -> int:
    """Raise the limit of open files as far as it goes; how many clients it leaves room for.

    Without room for them, an accepted connection would be closed without a word. What nobody asked
    for is not missed: that is told without a warning.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    handshakes = most_handshakes(wanted) if has_tls else 0
    needed = wanted + handshakes + upstream_connections + RESERVED
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return wanted
    left = max(1, soft - upstream_connections - RESERVED)
    if has_tls:
        left = max(1, left - most_handshakes(left))
    tell = _log.warning if was_asked_for else _log.info
    tell(
        "fewer_connections",
        max_connections=wanted,
        possible=left,
        open_files=soft,
        advice="raise the limit of open files (ulimit -Hn)",
    )
    return left
