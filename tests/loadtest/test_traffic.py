"""A traffic as it is kept with a run."""

from loadtest.traffic import Bounds, KeyShare, ModelShare, Traffic, Transport, traffic_values


def test_a_mix_is_told_as_it_is_typed_and_keys_by_their_variables() -> None:
    batches = {1: 9.0, 8: 1.0}
    traffic = Traffic(
        url="http://gateway",
        models=[
            ModelShare(name="cnn", version="2", weight=3, batches=batches),
            ModelShare(name="mlp", batches=batches),
        ],
        keys=[KeyShare(tenant="ACME_KEY", variable="ACME_KEY")],
        dimensions={"tokens": Bounds(1, 128)},
        timeout_s=0.5,
    )
    assert traffic_values(traffic) == {
        "url": "http://gateway",
        "transport": Transport.HTTP,
        "models": "cnn:2=3, mlp",
        "batch": "1=9, 8",
        "keys": "ACME_KEY",
        "dimensions": "tokens=1:128",
        "samples": "",
        "pool": "16",
        "seed": "0",
        "timeout": "0.5s",
    }
