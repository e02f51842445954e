"""A real digit through gateway, Triton and a compiled model, the three ways a client would."""

import json
from pathlib import Path

import numpy
import pytest
import tritonclient.http
from PIL import Image

from tests.e2e.running_stack import SAMPLES, RunningStack

DIGITS = sorted(SAMPLES.glob("digit-*.png"))
SHAPES = {"mnist_mlp": (784,), "mnist_cnn": (1, 28, 28)}


def pixels(path: Path, model: str) -> numpy.ndarray:
    image = numpy.asarray(Image.open(path), dtype=numpy.float32) / 255
    return image.reshape((1, *SHAPES[model]))


def label_of(path: Path) -> str:
    return path.stem.split("-")[1]


def test_there_are_a_dozen_samples_of_all_ten_digits() -> None:
    assert len(DIGITS) >= 12
    assert {label_of(path) for path in DIGITS} == set("0123456789")


@pytest.mark.parametrize("model", SHAPES)
@pytest.mark.parametrize("path", DIGITS, ids=lambda path: path.stem)
def test_json_request_gives_the_digit(
    stack: RunningStack, key: str, model: str, path: Path
) -> None:
    image = pixels(path, model)
    request = {
        "inputs": [
            {
                "name": "image",
                "shape": list(image.shape),
                "datatype": "FP32",
                "data": image.ravel().tolist(),
            }
        ]
    }
    answer = stack.get(f"/v2/models/{model}/infer", key, json=request)
    assert answer.status_code == 200
    probabilities = answer.json()["outputs"][0]["data"]
    assert str(numpy.argmax(probabilities)) == label_of(path)
    assert sum(probabilities) == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("model", SHAPES)
def test_tritonclient_binary_batch_gives_the_digits(
    stack: RunningStack, key: str, model: str
) -> None:
    client = tritonclient.http.InferenceServerClient(stack.url.removeprefix("http://"))
    images = numpy.concatenate([pixels(path, model) for path in DIGITS])
    tensor = tritonclient.http.InferInput("image", list(images.shape), "FP32")
    tensor.set_data_from_numpy(images, binary_data=True)
    answer = client.infer(model, [tensor], headers={"Authorization": f"Bearer {key}"})
    found = answer.as_numpy("probabilities").argmax(axis=1)
    client.close()
    assert [str(digit) for digit in found] == [label_of(path) for path in DIGITS]


@pytest.mark.parametrize("path", DIGITS[:3], ids=lambda path: path.stem)
def test_conch_infer_prints_the_label_as_json(stack: RunningStack, key: str, path: Path) -> None:
    done = stack.conch("infer", "mnist_cnn", str(path), "--json", CONCH_API_KEY=key)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["label"] == label_of(path)
    assert 0.5 < answer["probability"] <= 1.0


def test_conch_infer_draws_the_likeliest_class_first(stack: RunningStack, key: str) -> None:
    done = stack.conch("infer", "mnist_mlp", str(DIGITS[0]), "--key", key)
    first = done.stdout.splitlines()[0]
    assert first.split()[0] == label_of(DIGITS[0])
    assert "█" in first and "%" in first


def test_the_output_carries_the_labels(stack: RunningStack, key: str) -> None:
    config = stack.get("/v2/models/mnist_cnn/config", key).json()
    assert config["output"][0]["label_filename"] == "labels.txt"
