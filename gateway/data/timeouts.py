"""What is said when something took too long, so that it is clear who was waited for."""

from gateway import keys
from gateway.data.gate import Times
from gateway.errors import (
    HttpError,
    IssuerUnavailable,
    RecordsUnavailable,
    RequestTimeout,
    UpstreamTimeout,
)


def of_a_look_up(token: bytes) -> HttpError:
    """Who calls could not be told in time."""
    if token and keys.parse_id(token) is None:
        return IssuerUnavailable("The token's issuer took too long; try again.")
    return RecordsUnavailable("The records took too long; try again.")


def of_triton(times: Times) -> HttpError:
    """Triton was asked and is silent."""
    return UpstreamTimeout(f"Triton did not answer for {times.upstream_s:g} s.")


def of_client(limit_s: float, waited_for: str) -> HttpError:
    """The time that the client gave is over."""
    return UpstreamTimeout(
        f"The request's {limit_s * 1000:g} ms (X-Conch-Timeout-Ms) are over; "
        f"it waited for {waited_for}."
    )


def of_all(times: Times, *, has_arrived: bool) -> HttpError:
    """The whole request took too long; whose fault it is shows by whether it has arrived."""
    text = f"The request took over {times.request_s:g} s in all; send a smaller one."
    return UpstreamTimeout(text) if has_arrived else RequestTimeout(text)
