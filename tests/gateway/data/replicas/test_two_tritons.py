"""Two real Tritons under load: one is killed, then ended as operators do, and comes back."""

import json
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest

from tests.gateway.conftest import RunningGateway, running_gateway
from tests.gateway.processes import TritonProcess
from tests.waiting import wait_until

CLIENTS = 8
INFER = json.dumps(
    {"inputs": [{"name": "X", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}]}
)


@pytest.fixture(scope="module")
def tritons(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TritonProcess, ...]]:
    pytest.importorskip("pytriton", reason="the real Triton comes with the extra [embedded]")
    both = tuple(TritonProcess(tmp_path_factory.mktemp("triton")) for _ in range(2))
    for triton in both:
        triton.prepare()
    both[0].start("echo", "counter")
    both[1].start("echo", "counter", "story")
    yield both
    for triton in both:
        triton.stop()


@pytest.fixture(scope="module")
def gateway(
    tritons: tuple[TritonProcess, ...], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    urls = ",".join(f"http://127.0.0.1:{triton.port}" for triton in tritons)
    state_dir = tmp_path_factory.mktemp("state")
    with running_gateway(tritons[0].port, state_dir, CONCH_TRITON_URLS=urls) as running:
        yield running


class Load:
    """Clients that ask again and again, each on a connection of its own."""

    def __init__(self, gateway: RunningGateway) -> None:
        self._gateway = gateway
        self._headers = {"Authorization": f"Bearer {gateway.new_key().token}"}
        self._is_over = threading.Event()
        self.seen: Counter[object] = Counter()
        self._threads = [threading.Thread(target=self._ask) for _ in range(CLIENTS)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def wait_for_more(self, count: int = 500) -> None:
        goal = self.seen.total() + count
        wait_until(lambda: self.seen.total() >= goal)

    def _ask(self) -> None:
        connection = HTTPConnection("127.0.0.1", self._gateway.port, timeout=10)
        while not self._is_over.is_set():
            try:
                connection.request("POST", "/v2/models/echo/infer", INFER, self._headers)
                response = connection.getresponse()
                response.read()
                self.seen[response.status] += 1
            except OSError as error:
                self.seen[repr(error)] += 1
                connection.close()
        connection.close()


def inferences(triton: TritonProcess) -> int:
    """How many this Triton has done."""
    connection = HTTPConnection("127.0.0.1", triton.port, timeout=10)
    connection.request("GET", "/v2/models/echo/stats")
    stats = json.loads(connection.getresponse().read())
    connection.close()
    return int(stats["model_stats"][0]["inference_count"])


def wait_until_used(triton: TritonProcess) -> None:
    before = inferences(triton)
    wait_until(lambda: inferences(triton) > before + 20)


def test_both_are_used(gateway: RunningGateway, tritons: tuple[TritonProcess, ...]) -> None:
    with Load(gateway) as load:
        for triton in tritons:
            wait_until_used(triton)
    assert load.seen.keys() == {200}


def test_one_that_is_killed_costs_no_request_and_comes_back(
    gateway: RunningGateway, tritons: tuple[TritonProcess, ...]
) -> None:
    with Load(gateway) as load:
        load.wait_for_more()
        tritons[0].stop(signal.SIGKILL)
        load.wait_for_more()
        tritons[0].start("echo", "counter")
        wait_until_used(tritons[0])
    assert load.seen.keys() == {200}


def test_one_that_is_restarted_costs_no_request(
    gateway: RunningGateway, tritons: tuple[TritonProcess, ...]
) -> None:
    with Load(gateway) as load:
        load.wait_for_more()
        tritons[0].stop()
        load.wait_for_more()
        tritons[0].start("echo", "counter")
        wait_until_used(tritons[0])
    assert load.seen.keys() == {200}


def ask(gateway: RunningGateway, path: str, body: object) -> tuple[int, object]:
    connection = HTTPConnection("127.0.0.1", gateway.port, timeout=10)
    headers = {"Authorization": f"Bearer {gateway.new_key().token}"}
    connection.request("POST", path, json.dumps(body), headers)
    response = connection.getresponse()
    told = json.loads(response.read())
    connection.close()
    return response.status, told


def test_a_model_that_only_one_has_is_found(
    gateway: RunningGateway, tritons: tuple[TritonProcess, ...]
) -> None:
    body = {"text_input": "a b"}
    wait_until(lambda: ask(gateway, "/v2/models/story/generate", body)[0] != 404)
    statuses = {ask(gateway, "/v2/models/story/generate", body)[0] for _ in range(10)}
    assert 404 not in statuses


def test_a_sequence_is_summed_up_at_one_triton(gateway: RunningGateway) -> None:
    for sequence_id in range(1, 9):
        totals = []
        for number in range(4):
            parameters = {
                "sequence_id": sequence_id,
                "sequence_start": number == 0,
                "sequence_end": number == 3,
            }
            inputs = [{"name": "VALUE", "shape": [1, 1], "datatype": "INT32", "data": [1]}]
            body = {"inputs": inputs, "parameters": parameters}
            status, told = ask(gateway, "/v2/models/counter/infer", body)
            assert status == 200, told
            totals.append(told["outputs"][0]["data"][0])  # type: ignore[index]
        assert totals == [1, 2, 3, 4]
