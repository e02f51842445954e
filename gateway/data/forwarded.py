"""What is forwarded, as far as Triton's side needs to know it."""

from typing import Protocol

from gateway.data.body import Body
from gateway.data.head import Head
from gateway.data.principal import Principal
from gateway.errors import HttpError


class Client(Protocol):
    """The connection that is answered on."""

    # When `expire` of its exchange is called, by the gate's tick.
    deadline_s: float

    def write(self, data: bytes) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    def abort(self) -> None: ...


class Forwarded(Protocol):
    """The exchange that is forwarded, as far as Triton's side needs it."""

    head: Head
    body: Body
    request_id: bytes
    traceparent: bytes
    principal: Principal | None

    def regulate(self) -> None:
        """Whether the client may send on has changed."""

    def set_deadline(self, seconds: float) -> None:
        """The exchange expires after so long."""

    def await_body(self) -> None:
        """The exchange expires when the body does not come fast enough."""

    def excuse_body(self, seconds: float) -> None:
        """For so long the body was held up by Triton."""

    def body_timeout(self) -> HttpError:
        """The error for a body that did not come fast enough."""

    def can_keep_alive(self) -> bool:
        """Whether the client's connection can serve a further request."""

    def answered(self, status: int, *, keep_alive: bool) -> None:
        """The answer was written in full."""

    def failed(self, error: HttpError) -> None:
        """There will be no answer, or not the rest of it."""
