"""Which requests are drawn: by weight, seeded, and of K different bodies."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pytest

from loadtest.errors import OptionError
from loadtest.mix import Body, mixed
from loadtest.served_model import served_model
from loadtest.traffic import KeyShare, ModelShare, Traffic
from loadtest.transports.answers import Ready

METADATA = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}]}


class Request(NamedTuple):
    name: str
    key: str | None
    content: bytes


def prepare(body: Body, keys: Sequence[str | None]) -> list[Ready]:
    content = body.tensors[0].values.tobytes()
    return [Request(body.name, key, content) for key in keys]


def drawing(index: int = 0, **changes: Any) -> Callable[[], Any]:
    models = [ModelShare(name="a", weight=3, batches={1: 1, 4: 1}), ModelShare(name="b")]
    keys = [KeyShare(tenant="t", variable="T", weight=4), KeyShare(tenant="u", variable="U")]
    traffic = Traffic(**{"url": "", "models": models, "keys": keys, "pool": 4} | changes)
    served = [served_model({**METADATA, "name": share.name}) for share in traffic.models]
    return mixed(traffic, served, prepare, ["t", "u"], index=index)


def test_models_batches_and_tenants_come_by_weight() -> None:
    draw = drawing()
    drawn = [draw() for _ in range(10_000)]
    names = Counter(request.name for request in drawn)
    assert names["a batch 1"] == pytest.approx(3750, rel=0.1)
    assert names["a batch 4"] == pytest.approx(3750, rel=0.1)
    assert names["b batch 1"] == pytest.approx(2500, rel=0.1)
    assert Counter(r.key for r in drawn)["t"] == pytest.approx(8000, rel=0.05)


def test_the_pool_has_k_different_bodies() -> None:
    draw = drawing(pool=5)
    contents = {r.content for r in (draw() for _ in range(5000)) if r.name == "b batch 1"}
    assert len(contents) == 5


def test_the_same_seed_draws_the_same_and_another_process_another_order() -> None:
    one, same, other = drawing(), drawing(), drawing(index=1)
    first = [one() for _ in range(100)]
    assert first == [same() for _ in range(100)]
    assert first != [other() for _ in range(100)]


@pytest.mark.parametrize(
    "changes",
    [
        {"models": []},
        {"pool": 0},
        {"models": [ModelShare(name="a", weight=0)]},
        {"models": [ModelShare(name="a", batches={})]},
        {"models": [ModelShare(name="a", batches={1: -1.0})]},
    ],
)
def test_a_mix_of_nothing_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        drawing(**changes)
