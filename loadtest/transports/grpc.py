"""gRPC to Triton for comparison: messages are bytes already, and answers stay bytes.

`init_gevent` must have run before the first channel is made.
"""

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from tritonclient.grpc import service_pb2, service_pb2_grpc

from loadtest.errors import MeasuringError, OptionError
from loadtest.inputs import Tensor
from loadtest.served_model import ServedModel, served_model
from loadtest.tensors import wire_bytes
from loadtest.traffic import ModelShare
from loadtest.transports.answers import LIMITED, TIMED_OUT, Answer

_METHOD = "/inference.GRPCInferenceService/ModelInfer"
# One connection carries many calls, but its flow control and its thread are shared by them.
_CHANNELS = 8
_READ_TIMEOUT_S = 10

Metadata = tuple[tuple[str, str], ...]
_NAMES = {
    grpc.StatusCode.RESOURCE_EXHAUSTED: LIMITED,
    grpc.StatusCode.DEADLINE_EXCEEDED: "timeout",
}


@dataclass(frozen=True)
class GrpcRequest:
    """A message as bytes, with the metadata of its key."""

    name: str
    message: bytes
    metadata: Metadata = ()


class GrpcSender:
    """Sends to one server over a few connections."""

    def __init__(self, url: str, *, ca_file: str = "", timeout_s: float = 30.0) -> None:
        self._timeout_s = timeout_s
        self._channels = [_channel(url, ca_file) for _ in range(_CHANNELS)]
        calls = [channel.unary_unary(_METHOD) for channel in self._channels]
        self._next = itertools.cycle(calls)

    def send(self, request: GrpcRequest) -> Answer:
        """Send, wait for the answer, and never raise because of the other side."""
        call = next(self._next)
        late_from = time.monotonic() + self._timeout_s
        try:
            answer = call(request.message, timeout=self._timeout_s, metadata=request.metadata)
        except grpc.RpcError as error:
            code = error.code()
            return Answer(_NAMES.get(code, code.name.lower()))
        if time.monotonic() > late_from:
            return TIMED_OUT
        return Answer(size_bytes=len(answer))

    def close(self) -> None:
        """End the connections."""
        for channel in self._channels:
            channel.close()


def infer_message(model: str, version: str, tensors: Sequence[Tensor], *, name: str) -> GrpcRequest:
    """A request of `ModelInfer`, ready to be sent."""
    message = service_pb2.ModelInferRequest(model_name=model, model_version=version)
    for tensor in tensors:
        message.inputs.add(
            name=tensor.name, datatype=tensor.datatype, shape=list(tensor.values.shape)
        )
        message.raw_input_contents.append(wire_bytes(tensor.datatype, tensor.values))
    return GrpcRequest(name, message.SerializeToString())


def key_metadata(key: str | None) -> Metadata:
    """How a key is told over gRPC."""
    return (("authorization", f"Bearer {key}"),) if key else ()


def _channel(url: str, ca_file: str) -> grpc.Channel:
    where = urlsplit(url if "://" in url else f"grpc://{url}")
    if not where.hostname or where.port is None:
        raise OptionError(f"{url!r} is no address of a server; write HOST:PORT.")
    options = [
        ("grpc.max_send_message_length", -1),
        ("grpc.max_receive_message_length", -1),
        # Else all channels would share one connection.
        ("grpc.use_local_subchannel_pool", 1),
    ]
    if where.scheme not in ("https", "grpcs"):
        return grpc.insecure_channel(where.netloc, options)
    roots = Path(ca_file).read_bytes() if ca_file else None
    return grpc.secure_channel(where.netloc, grpc.ssl_channel_credentials(roots), options)


def read_over_grpc(url: str, ca_file: str, share: ModelShare, key: str | None) -> ServedModel:
    """Ask the server about one model. Raises MeasuringError when it does not tell."""
    metadata = key_metadata(key)
    asked = {"name": share.name, "version": share.version}
    with _channel(url, ca_file) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        try:
            model = stub.ModelMetadata(
                service_pb2.ModelMetadataRequest(**asked),
                timeout=_READ_TIMEOUT_S,
                metadata=metadata,
            )
            config = stub.ModelConfig(
                service_pb2.ModelConfigRequest(**asked), timeout=_READ_TIMEOUT_S, metadata=metadata
            )
        except grpc.RpcError as error:
            raise MeasuringError(
                f"{url} does not tell about model {share.name}: {error.details()}."
            ) from None
    return served_model(_as_dict(model), _as_dict(config.config))


def _as_dict(message: Message) -> dict[str, Any]:
    return MessageToDict(message, preserving_proto_field_name=True)
