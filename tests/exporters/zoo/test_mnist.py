import re
from pathlib import Path

import numpy as np
import pytest

from exporters.errors import DataError
from exporters.formats import load_format
from exporters.zoo import ZOO, sample_digits, trained
from exporters.zoo.networks import MnistMlp
from tests.exporters.conftest import ExportedZoo

WEIGHTS_LIMIT_BYTES = 1_000_000


@pytest.mark.parametrize("name", ZOO)
def test_the_exported_artefact_classifies_every_sample_right(zoo: ExportedZoo, name: str) -> None:
    entry = ZOO[name]
    spec = entry.spec()
    format = load_format(entry.format)
    runner = format.load(zoo.published[name].path / format.FILENAME, spec)
    digits = sample_digits.read_samples()
    shape = spec.inputs[0].shape
    images = np.stack([pixels.reshape(shape) for pixels in digits.values()])
    guesses = runner({"image": images})["probabilities"].argmax(axis=1)
    assert [int(guess) for guess in guesses] == [label_of(name) for name in digits]


def test_a_dozen_samples_show_every_label() -> None:
    labels = [label_of(name) for name in sample_digits.read_samples()]
    assert len(labels) == 12
    assert set(labels) == set(range(10))


@pytest.mark.parametrize(("name", "least"), [("mnist_mlp", 0.97), ("mnist_cnn", 0.985)])
def test_the_weights_say_how_well_they_do(name: str, least: float) -> None:
    assert least <= trained.measured_accuracy(name) < 1


@pytest.mark.parametrize("name", ZOO)
def test_the_weights_are_small_enough_to_commit(name: str) -> None:
    assert (trained.DIRECTORY / f"{name}.safetensors").stat().st_size < WEIGHTS_LIMIT_BYTES


def test_weights_that_do_badly_are_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trained, "DIRECTORY", tmp_path)
    with pytest.raises(DataError, match=r"95\.00% .* less than the 97\.0%"):
        trained.save_trained("mnist_mlp", MnistMlp(), test_accuracy=0.95, epochs=1, seed=0)
    assert list(tmp_path.iterdir()) == []


def label_of(file_name: str) -> int:
    found = re.fullmatch(r"digit-(\d)-\d+\.png", file_name)
    assert found is not None, file_name
    return int(found[1])
