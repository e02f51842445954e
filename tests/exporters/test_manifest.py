import hashlib

import pytest

from exporters.capturing.samples import RANDOM_SEEDS
from exporters.manifest import read_manifest
from exporters.zoo import ZOO
from tests.exporters.conftest import ExportedZoo


@pytest.mark.parametrize("name", ZOO)
def test_the_manifest_holds_the_hash_and_the_size_of_the_artefact(
    zoo: ExportedZoo, name: str
) -> None:
    path = zoo.published[name].path
    manifest = read_manifest(path)
    artefact = (path / manifest.artefact.path).read_bytes()
    assert manifest.artefact.sha256 == hashlib.sha256(artefact).hexdigest()
    assert manifest.size_bytes == len(artefact)


@pytest.mark.parametrize("name", ZOO)
def test_the_manifest_holds_the_whole_proof(zoo: ExportedZoo, name: str) -> None:
    proof = read_manifest(zoo.published[name].path).proof
    largest = ZOO[name].spec().max_batch_size
    assert [(row.output, row.batch, row.data) for row in proof] == [
        ("probabilities", size, data)
        for size in (1, 2, 3, largest)
        for data in ("real", *(f"random, seed {seed}" for seed in RANDOM_SEEDS))
    ]
    assert all(row.max_abs_error <= row.absolute_tolerance for row in proof)


def test_the_manifest_names_what_compiled_and_proved_it(zoo: ExportedZoo) -> None:
    assert set(read_manifest(zoo.published["mnist_mlp"].path).versions) == {"torch"}
    cnn = read_manifest(zoo.published["mnist_cnn"].path)
    assert set(cnn.versions) == {"torch", "onnx", "onnxslim", "onnxruntime"}
    assert (cnn.format, cnn.precision) == ("onnx", "fp32")


def test_a_manifest_reads_back_as_it_was_written(zoo: ExportedZoo) -> None:
    published = zoo.published["mnist_cnn"]
    assert read_manifest(published.path) == published.manifest


@pytest.mark.parametrize(
    ("details", "said"),
    [
        ({"accuracy": {"fp32": 1.0, "int8": 0.98}}, "accuracy 100.0% in fp32, 98.0% in int8"),
        ({"accuracy": None, "agreement": 0.9}, "the same class as fp32 for 90.0% of the samples"),
        ({}, ""),
    ],
)
def test_what_a_lower_precision_costs_is_told(
    zoo: ExportedZoo, details: dict[str, object], said: str
) -> None:
    manifest = zoo.published["mnist_cnn"].manifest
    lower = manifest.model_copy(update={"precision": "int8", "details": details})
    assert lower.cost_in_accuracy == said
