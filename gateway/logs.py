"""How the gateway's own processes write their logs."""

import structlog


def set_up_logs() -> None:
    """Plain lines and plain tracebacks: one that shows variables would show keys."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer(
                colors=False, exception_formatter=structlog.dev.plain_traceback
            ),
        ],
    )
