"""Makes a traffic ready to be sent: reads the models, builds the requests, opens the transport."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from loadtest.bodies import binary_body, generate_body
from loadtest.errors import OptionError
from loadtest.mix import Body, key_values, mixed
from loadtest.model_reading import model_path, read_over_http
from loadtest.traffic import Traffic, Transport
from loadtest.transports.answers import Answer, Ready
from loadtest.transports.http import HttpSender, StreamSender, check_url, infer_request
from loadtest.transports.http import stream_request as ready_stream


@dataclass(frozen=True)
class OpenTraffic:
    """What a generator needs to send: `send(next_request())`."""

    next_request: Callable[[], Ready]
    send: Callable[..., Answer]
    close: Callable[[], None]


def open_traffic(traffic: Traffic, *, index: int = 0) -> OpenTraffic:
    """Ask the server, and build what is sent. Raises LoadTestError when something is amiss.

    For gRPC `use_grpc` must have been called before.
    """
    keys = key_values(traffic.keys, dict(os.environ))
    if traffic.transport is Transport.GRPC:
        return _over_grpc(traffic, keys, index)
    check_url(traffic.url)
    served = [read_over_http(traffic, share, keys[0]) for share in traffic.models]
    if traffic.transport is Transport.STREAM:
        _check_single(traffic)
        sender: HttpSender = StreamSender(
            traffic.url, ca_file=traffic.ca_file, timeout_s=traffic.timeout_s
        )
        ready = mixed(traffic, served, _stream_preparer(traffic), keys, index=index)
        return OpenTraffic(ready, sender.send, sender.close)
    sender = HttpSender(traffic.url, ca_file=traffic.ca_file, timeout_s=traffic.timeout_s)
    ready = mixed(traffic, served, _infer_preparer(traffic), keys, index=index)
    return OpenTraffic(ready, sender.send, sender.close)


def use_grpc() -> None:
    """Let gRPC wait through gevent; without it one call would stop all greenlets."""
    import grpc.experimental.gevent

    grpc.experimental.gevent.init_gevent()


def _infer_preparer(traffic: Traffic) -> Callable[[Body, Sequence[str | None]], list[Ready]]:
    def prepare(body: Body, keys: Sequence[str | None]) -> list[Ready]:
        path = f"{model_path(body.model)}/infer"
        made = binary_body(body.tensors)
        return [infer_request(traffic.url, path, made, name=body.name, key=key) for key in keys]

    return prepare


def _stream_preparer(traffic: Traffic) -> Callable[[Body, Sequence[str | None]], list[Ready]]:
    def prepare(body: Body, keys: Sequence[str | None]) -> list[Ready]:
        path = f"{model_path(body.model)}/generate_stream"
        made = generate_body(body.tensors)
        return [ready_stream(traffic.url, path, made, name=body.name, key=key) for key in keys]

    return prepare


def _over_grpc(traffic: Traffic, keys: Sequence[str | None], index: int) -> OpenTraffic:
    # Here, since it costs a second to import and most runs do without.
    from loadtest.transports.grpc import GrpcSender, infer_message, key_metadata, read_over_grpc

    def prepare(body: Body, keys: Sequence[str | None]) -> list[Ready]:
        model = body.model
        made = infer_message(model.name, model.version, body.tensors, name=body.name)
        return [replace(made, metadata=key_metadata(key)) for key in keys]

    url, ca_file = traffic.url, traffic.ca_file
    served = [read_over_grpc(url, ca_file, share, keys[0]) for share in traffic.models]
    ready = mixed(traffic, served, prepare, keys, index=index)
    sender = GrpcSender(url, ca_file=ca_file, timeout_s=traffic.timeout_s)
    return OpenTraffic(ready, sender.send, sender.close)


def _check_single(traffic: Traffic) -> None:
    for share in traffic.models:
        if set(share.batches) != {1}:
            raise OptionError(
                f"generate_stream takes one sample a request, and the batches of {share.name} are "
                f"{', '.join(map(str, share.batches))}. Leave the batch at 1."
            )
