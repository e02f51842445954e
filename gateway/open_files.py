"""How many files a worker may have open, which bounds the connections that it can take."""

import resource

import structlog

# The listener, the records, logs, metrics, TLS files, and what a library opens for a moment.
RESERVED = 128

_log = structlog.get_logger()


def most_connections(wanted: int, upstream_connections: int) -> int:
    """Raise the limit of open files as far as it goes; how many clients it leaves room for.

    Without room for them, an accepted connection would be closed without a word.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + upstream_connections + RESERVED
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return wanted
    left = max(1, soft - upstream_connections - RESERVED)
    _log.warning(
        "fewer_connections",
        max_connections=wanted,
        possible=left,
        open_files=soft,
        advice="raise the limit of open files (ulimit -Hn)",
    )
    return left
