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
