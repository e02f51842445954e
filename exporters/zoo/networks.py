"""The two MNIST networks: `logits` is what training sees, `forward` is what is served."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class MnistNetwork(nn.Module):
    """Classifies a white digit on black, grey values from 0 to 1."""

    image_shape: tuple[int, ...]

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def logits(self, image: Tensor) -> Tensor:
        scores: Tensor = self.layers(image)
        return scores

    # Triton reads the input's name from this argument.
    def forward(self, image: Tensor) -> Tensor:
        return functional.softmax(self.logits(image), dim=1)


class MnistMlp(MnistNetwork):
    """784-128-128-10 with ReLU."""

    image_shape = (784,)

    def __init__(self) -> None:
        super().__init__(
            nn.Linear(784, 128),
            nn.ReLU(),
            nn.Linear(128, 128),
            nn.ReLU(),
            nn.Linear(128, 10),
        )


class MnistCnn(MnistNetwork):
    """Two convolutions of 3x3 without padding, each pooled, then 64 and 10 units."""

    image_shape = (1, 28, 28)

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(1, 32, kernel_size=3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 64, kernel_size=3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(64 * 5 * 5, 64),
            nn.ReLU(),
            nn.Linear(64, 10),
        )


NETWORKS: dict[str, type[MnistNetwork]] = {"mnist_mlp": MnistMlp, "mnist_cnn": MnistCnn}


def accuracy(network: MnistNetwork, images: Tensor, labels: Tensor) -> float:
    """Share of the images that the network classifies right."""
    with torch.inference_mode():
        guesses = [network(batch).argmax(dim=1) for batch in torch.split(images, 1000)]
    return float((torch.cat(guesses) == labels).double().mean())
