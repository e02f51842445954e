"""Keeps trained weights as safetensors, with the measured test accuracy in their metadata."""

from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file, save_file

from exporters.errors import DataError
from exporters.zoo.networks import NETWORKS, MnistNetwork

DIRECTORY = Path(__file__).parent / "weights"
MIN_ACCURACY = {"mnist_mlp": 0.97, "mnist_cnn": 0.985}


def save_trained(
    name: str, network: MnistNetwork, *, test_accuracy: float, epochs: int, seed: int
) -> Path:
    """Writes the weights, unless the network classifies too few test digits right."""
    if test_accuracy < MIN_ACCURACY[name]:
        raise DataError(
            f"{name} classifies {test_accuracy:.2%} of the test digits right, less than the "
            f"{MIN_ACCURACY[name]:.1%} it must: weights not written. Train for more epochs."
        )
    path = DIRECTORY / f"{name}.safetensors"
    metadata = {
        "test_accuracy": f"{test_accuracy:.4f}",
        "dataset": "MNIST, 60,000 training and 10,000 test digits",
        "epochs": str(epochs),
        "seed": str(seed),
    }
    save_file(network.state_dict(), path, metadata=metadata)
    return path


def load_trained(name: str) -> MnistNetwork:
    """The trained network, ready to serve."""
    network = NETWORKS[name]()
    network.load_state_dict(load_file(DIRECTORY / f"{name}.safetensors"))
    return network.eval()


def measured_accuracy(name: str) -> float:
    """What training measured on the test digits, read from the file's metadata."""
    with safe_open(DIRECTORY / f"{name}.safetensors", framework="pt") as file:
        return float(file.metadata()["test_accuracy"])
