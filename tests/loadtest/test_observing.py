"""Looks at a real Triton with an ensemble, and at servers that are not there."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from loadtest.breakdown import breakdown
from loadtest.errors import MeasuringError
from loadtest.machine import model_hashes, triton_facts
from loadtest.observing import Observer, Targets, Watch
from loadtest.processor_time import Server
from loadtest.results import Load, Loop
from loadtest.triton_statistics import TritonStatistics
from tests.loadtest.some_steps import a_step, a_window
from tests.stack.running_triton import RunningTriton, running_triton
from tests.waiting import wait_until

NOWHERE = "http://127.0.0.1:1"
ENSEMBLE = """
platform: "ensemble"
max_batch_size: 8
input { name: "x" data_type: TYPE_FP32 dims: 2 }
output { name: "y" data_type: TYPE_FP32 dims: 2 }
ensemble_scheduling {
  step {
    model_name: "doubler" model_version: -1
    input_map { key: "x" value: "x" } output_map { key: "y" value: "twice" }
  }
  step {
    model_name: "redoubler" model_version: -1
    input_map { key: "x" value: "twice" } output_map { key: "y" value: "y" }
  }
}
"""
REQUESTS = 5


@pytest.fixture(scope="module")
def triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningTriton]:
    from tests.stack.small_models import write_doubler

    folder: Path = tmp_path_factory.mktemp("ensemble")
    for name in ("doubler", "redoubler"):
        write_doubler(folder / "models", name)
    for name, second in (("quadrupler", "redoubler"), ("twice", "doubler")):
        (folder / "models" / name / "1").mkdir(parents=True)
        config = ENSEMBLE.replace("redoubler", second)
        (folder / "models" / name / "config.pbtxt").write_text(config)
    with running_triton(folder / "models", folder / "state") as running:
        yield running


def counted(triton: RunningTriton) -> int:
    """How many requests of all models Triton has counted."""
    models = httpx2.get(f"{triton.http_url}/v2/models/stats").json()["model_stats"]
    return sum(int(model["inference_stats"]["success"]["count"]) for model in models)


def ask(triton: RunningTriton, model: str) -> None:
    """Return once Triton has counted it, with those of an ensemble; it answers before that."""
    before = counted(triton)
    body = {"inputs": [{"name": "x", "shape": [2, 2], "datatype": "FP32", "data": [1, 2, 3, 4]}]}
    answer = httpx2.post(f"{triton.http_url}/v2/models/{model}/infer", json=body, timeout=30)
    assert answer.status_code == 200, answer.text
    requests = 1 if model == "doubler" else 3
    wait_until(lambda: counted(triton) == before + requests, what="the request counted")


def answers(url: str) -> bool:
    try:
        return httpx2.get(url).status_code == 200
    except httpx2.TransportError:
        return False


def test_an_ensemble_and_its_models_are_counted_between_looks(triton: RunningTriton) -> None:
    with Observer(Targets(models=["quadrupler"], triton_url=triton.http_url)) as observer:
        ask(triton, "quadrupler")
        before = observer.look()
        for _ in range(REQUESTS):
            ask(triton, "quadrupler")
        observed = observer.between(before, observer.look())
    assert (observed.reasons, observed.notes) == ([], [])
    models = observed.models
    assert sorted(models) == ["doubler", "quadrupler", "redoubler"]
    assert {model.success for model in models.values()} == {REQUESTS}
    assert models["quadrupler"].composing == ["doubler", "redoubler"]
    assert models["doubler"].inferences == 2 * REQUESTS
    assert models["doubler"].batches == {2: REQUESTS}
    assert models["doubler"].instances == 1
    assert 0 < models["doubler"].busy_ns < observed.seconds * 1e9
    assert models["doubler"].compute_infer_ns > 0


def test_an_ensemble_that_calls_a_model_twice_can_be_split(triton: RunningTriton) -> None:
    with Observer(Targets(models=["twice"], triton_url=triton.http_url)) as observer:
        before = observer.look()
        for _ in range(REQUESTS):
            ask(triton, "twice")
        models = observer.between(before, observer.look()).models
    assert models["doubler"].success == 2 * models["twice"].success == 2 * REQUESTS
    parts, notes = breakdown(a_step(windows=[a_window(service_ms=1000)], models=models))
    assert parts is not None and notes == []


def test_the_server_and_its_models_are_told(triton: RunningTriton) -> None:
    with httpx2.Client() as client:
        facts = triton_facts(client, triton.http_url)
        hashes = model_hashes(client, triton.http_url, ["doubler", "redoubler", "none"])
        again = model_hashes(client, triton.http_url, ["doubler"])
    assert facts["version"].startswith("2.")
    assert sorted(hashes) == ["doubler", "redoubler"]
    assert hashes["doubler"] == again["doubler"] != hashes["redoubler"]


def test_a_triton_that_was_started_anew_spoils_the_step(triton: RunningTriton) -> None:
    with Observer(Targets(models=["doubler"], triton_url=triton.http_url)) as observer:
        ask(triton, "doubler")
        before = observer.look()
        first = triton.pid
        os.kill(first, signal.SIGKILL)
        ready = f"{triton.http_url}/v2/models/doubler/ready"
        wait_until(lambda: triton.pid != first and answers(ready), timeout_s=60)
        observed = observer.between(before, observer.look())
    assert "Triton was restarted: other processes listen on its port now" in observed.reasons
    assert any("began anew" in reason for reason in observed.reasons)


@contextmanager
def counting(*counts: int | None) -> Iterator[Observer]:
    """An observer of a Triton with these counts of answers, look by look; None: no answer."""
    given = iter(counts)

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/config"):
            return httpx2.Response(200, json={"name": "digits"})
        count = next(given)
        if count is None:
            return httpx2.Response(503)
        stats = {"success": {"count": count, "ns": count}}
        model = {"name": "digits", "version": "1", "inference_count": count}
        model |= {"execution_count": count, "inference_stats": stats}
        return httpx2.Response(200, json={"model_stats": [model]})

    with (
        httpx2.Client(transport=httpx2.MockTransport(answer)) as client,
        Observer(Targets(models=[])) as observer,
    ):
        observer.statistics = TritonStatistics(client, "http://triton", ["digits"])
        yield observer


def watched(observer: Observer, steps: int) -> list[list[str]]:
    """The reasons against so many steps, each with a second of warm-up."""
    reasons = []
    for _ in range(steps):
        watch = Watch(observer, Load(loop=Loop.OPEN, rate=1, duration_s=1, warmup_s=1))
        watch.on_window(a_window(0, warmup=True))
        reasons.append(watch.observed().reasons)
    return reasons


def test_steps_of_a_triton_that_stays_have_nothing_against_them() -> None:
    with counting(10, 20, 30, 30, 40, 50) as observer:
        assert watched(observer, 2) == [[], []]


@pytest.mark.parametrize(
    "counts",
    [(10, 20, 30, 1, 10, 40), (10, 20, 30, 30, 4, 40), (10, 20, 30, None, 4, 40)],
    ids=["between the steps", "in the warm-up", "in the warm-up, and away for one look"],
)
def test_a_restart_outside_the_measured_part_is_seen(counts: tuple[int | None, ...]) -> None:
    with counting(*counts) as observer:
        first, (reason,) = watched(observer, 2)
    assert first == [] and "began anew: Triton was restarted" in reason


def test_a_triton_that_does_not_answer_at_the_end_spoils_the_step() -> None:
    with counting(10, 20, None) as observer:
        ((reason,),) = watched(observer, 1)
    assert reason.startswith("Triton was restarted or did not answer")


def test_another_process_on_the_port_is_a_restart_though_none_was_there_meanwhile() -> None:
    with Observer(Targets(models=[])) as observer:
        look = observer.look()
    first, second = (
        replace(look, triton_server=Server(frozenset({(pid, 1)}), listeners=1, cpu_s=0.0))
        for pid in (7, 8)
    )
    assert observer.restarts([first, look, first]) == []
    assert observer.restarts([first, look, second]) == [
        "Triton was restarted: other processes listen on its port now"
    ]


def test_servers_that_do_not_answer_are_noted_and_no_error() -> None:
    targets = Targets(models=["digits"], triton_url=NOWHERE, gateway_url=NOWHERE, admin_url=NOWHERE)
    with Observer(targets) as observer:
        observed = observer.between(observer.look(), observer.look())
    triton, gateway = observed.notes
    assert triton.startswith(f"queue and compute are not known: {NOWHERE}/v2/models/digits/config")
    assert gateway.startswith(f"the gateway's part is not known: {NOWHERE}/metrics")
    assert observed.models == {}
    assert observed.gateway is None


def test_where_no_address_is_given_nothing_is_looked_at() -> None:
    with Observer(Targets(models=["digits"], gateway_url=NOWHERE)) as observer:
        assert len(observer.look().notes) == 2


def test_a_clock_that_jumped_spoils_the_step() -> None:
    with Observer(Targets(models=[])) as observer:
        before, after = observer.look(), observer.look()
        observed = observer.between(before, replace(after, wall_s=after.wall_s + 3600))
    assert observed.reasons == ["the clock jumped by +3600.0 s: it was set, or the machine slept"]


def test_certificates_that_cannot_be_read_are_one_error(tmp_path: Path) -> None:
    with pytest.raises(MeasuringError, match=r"none\.pem holds no certificates"):
        Observer(Targets(models=[], ca_file=str(tmp_path / "none.pem")))
