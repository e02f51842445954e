"""Which sequence a request belongs to, and where that is."""

import gzip
import json
import zlib
from collections.abc import Callable

import pytest

from gateway.data.replicas import sequences
from gateway.data.replicas.sequences import IDLE_S, Pins, Sequence, find_sequence
from tests.gateway.helpers import Clock


def body(**parameters: object) -> bytes:
    inputs = [{"name": "X", "shape": [1], "datatype": "INT32", "data": [1]}]
    return json.dumps({"inputs": inputs, "parameters": parameters}).encode()


STARTS = body(sequence_id=7, sequence_start=True, sequence_end=False)


def test_the_sequence_is_read_from_the_parameters() -> None:
    assert find_sequence(STARTS, None, b"") == Sequence("7", starts=True, ends=False)
    ends = body(sequence_id=7, sequence_start=False, sequence_end=True)
    assert find_sequence(ends, None, b"") == Sequence("7", starts=False, ends=True)


def test_a_name_may_be_a_text() -> None:
    found = find_sequence(body(sequence_id="a b"), None, b"")
    assert found is not None and found.id == "a b"


@pytest.mark.parametrize("given", [b"", b"{}", body(), body(sequence_id=0), b'"sequence_id"'])
def test_most_requests_belong_to_none(given: bytes) -> None:
    assert find_sequence(given, None, b"") is None


def test_tensors_behind_the_json_are_not_looked_at() -> None:
    head = body()
    assert find_sequence(head + STARTS, len(head), b"") is None
    assert find_sequence(STARTS + head, len(STARTS), b"") is not None
    assert find_sequence(STARTS, 0, b"") is None


@pytest.mark.parametrize("compress", [gzip.compress, zlib.compress])
def test_a_compressed_body_is_looked_into(compress: Callable[[bytes], bytes]) -> None:
    assert find_sequence(compress(STARTS), None, b"gzip") is not None


def test_what_is_not_compressed_is_left_to_triton() -> None:
    assert find_sequence(STARTS, None, b"gzip") is None


def test_tritons_client_writes_it_as_it_is_read() -> None:
    http = pytest.importorskip("tritonclient.http")
    numpy = pytest.importorskip("numpy")
    tensor = http.InferInput("X", [1], "INT32").set_data_from_numpy(numpy.zeros(1, "int32"))
    text, json_bytes = http.InferenceServerClient.generate_request_body(
        [tensor], sequence_id=2**63, sequence_start=True
    )
    found = find_sequence(bytes(text), json_bytes, b"")
    assert found == Sequence(str(2**63), starts=True, ends=False)


def test_a_sequence_is_where_it_was_put_until_it_is_dropped() -> None:
    pins: Pins[str] = Pins(Clock().seconds)
    pins.put("m 7", "a")
    assert pins.get("m 7") == "a" and pins.get("m 8") is None
    pins.drop("m 7")
    assert pins.get("m 7") is None


def test_what_was_not_used_for_long_is_forgotten() -> None:
    clock = Clock()
    pins: Pins[str] = Pins(clock.seconds)
    for key in "abc":
        pins.put(key, "x")
    clock.now_s += IDLE_S
    pins.put("a", "x")
    clock.now_s += 1
    pins.put("d", "x")
    assert pins.get("a") == "x" and pins.get("b") is None
    assert len(pins) == 2


def test_sequences_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequences, "MAX_PINNED", 3)
    pins: Pins[str] = Pins(Clock().seconds)
    for key in "abcde":
        pins.put(key, "x")
    assert len(pins) == 3 and pins.get("a") is None


def test_those_of_one_that_is_gone_are_forgotten() -> None:
    pins: Pins[str] = Pins(Clock().seconds)
    pins.put("a", "x")
    pins.put("b", "y")
    pins.forget("x")
    assert (pins.get("a"), pins.get("b")) == (None, "y")
