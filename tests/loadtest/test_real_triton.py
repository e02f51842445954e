"""Requests that a real Triton answers: every type, over HTTP and gRPC."""

from collections.abc import Iterator

import pytest

from loadtest.errors import MeasuringError
from loadtest.generator_process import Generators
from loadtest.results import Load, Loop
from loadtest.traffic import ModelShare, Traffic, Transport
from tests.stack.running_triton import RunningTriton, running_triton
from tests.stack.small_models import write_onnx_models

BATCHES = {1: 1.0, 3: 1.0}


@pytest.fixture(scope="module")
def triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningTriton]:
    folder = tmp_path_factory.mktemp("real")
    write_onnx_models(folder / "models")
    with running_triton(folder / "models", folder / "state") as running:
        yield running


def url_of(triton: RunningTriton, transport: Transport) -> str:
    if transport is Transport.GRPC:
        return f"127.0.0.1:{triton.settings.triton_grpc_port}"
    return triton.http_url


@pytest.mark.parametrize("transport", [Transport.HTTP, Transport.GRPC])
def test_a_mix_of_every_type_is_answered(triton: RunningTriton, transport: Transport) -> None:
    models = [ModelShare(name=name, batches=BATCHES) for name in ("echo_onnx", "echo_onnx_half")]
    traffic = Traffic(url=url_of(triton, transport), transport=transport, models=models, pool=2)
    with Generators(traffic) as generators:
        windows = generators.run(Load(loop=Loop.OPEN, rate=20, duration_s=2))
    assert [window.errors for window in windows if window.errors] == []
    assert sum(window.answered for window in windows) == 40


@pytest.mark.parametrize("transport", [Transport.HTTP, Transport.GRPC])
def test_an_unknown_model_and_a_batch_too_large_are_told(
    triton: RunningTriton, transport: Transport
) -> None:
    for model, said in (
        (ModelShare(name="absent"), "absent"),
        (ModelShare(name="doubler", batches={9: 1.0}), "at most 8 samples a request"),
    ):
        traffic = Traffic(url=url_of(triton, transport), transport=transport, models=[model])
        with pytest.raises(MeasuringError, match=said), Generators(traffic):
            pass
