"""Six small models, one for each kind of input and output that every format has to carry.

Their weights are drawn from fixed seeds, so that every process builds the same model.
"""

from collections.abc import Callable
from itertools import cycle

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from exporters.spec import Axis, ModelSpec, TensorSpec

LENGTH = Axis(name="length", min=4, max=48)
SAMPLES = 24
WORDS = 50


class Mixer(nn.Module):
    """Several inputs: a picture and numbers that go with it."""

    def __init__(self) -> None:
        super().__init__()
        self.picture = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2)
        )
        self.numbers = nn.Linear(5, 16)
        self.classes = nn.Linear(8 * 16 + 16, 4)

    def forward(self, picture: Tensor, numbers: Tensor) -> Tensor:
        seen = self.picture(picture).flatten(1)
        told = functional.gelu(self.numbers(numbers))
        joined: Tensor = self.classes(torch.cat([seen, told], dim=1))
        return joined.softmax(dim=1)


class Detector(nn.Module):
    """Several outputs: boxes, classes, and one number for each item."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 8, 3, stride=2), nn.SiLU(), nn.Conv2d(8, 12, 3))
        self.boxes = nn.Linear(12, 8)
        self.classes = nn.Linear(12, 3)
        self.score = nn.Linear(12, 1)

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        seen = self.body(picture).mean(dim=(2, 3))
        boxes = self.boxes(seen).sigmoid().reshape(-1, 2, 4)
        return self.classes(seen), boxes, self.score(seen).sigmoid().squeeze(1)


class Ranker(nn.Module):
    """Integer inputs of two types, and an integer output."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(WORDS, 12)
        self.ranks = nn.Sequential(nn.Linear(12, 24), nn.ReLU(), nn.Linear(24, 6))

    def forward(self, words: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        weights = counts.to(torch.float32).softmax(dim=1)
        ranks = self.ranks((self.words(words) * weights.unsqueeze(2)).sum(dim=1))
        return ranks, ranks.argmax(dim=1)


class Denoiser(nn.Module):
    """An axis besides the batch, which the output has as well."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(2, 16, 5, padding=2),
            nn.GroupNorm(4, 16),
            nn.ELU(),
            nn.Conv1d(16, 16, 3, padding=2, dilation=2),
            nn.ELU(),
            nn.Conv1d(16, 2, 1),
        )

    def forward(self, sound: Tensor) -> Tensor:
        noise: Tensor = self.layers(sound)
        return sound - noise


class Tagger(nn.Module):
    """An LSTM in both directions, with an answer for each step and one for the whole."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(8, 16, num_layers=2, batch_first=True, bidirectional=True)
        self.tags = nn.Linear(32, 5)
        self.topic = nn.Linear(32, 3)

    def forward(self, steps: Tensor) -> tuple[Tensor, Tensor]:
        states, (last, _) = self.lstm(steps)
        return self.tags(states), self.topic(torch.cat([last[-2], last[-1]], dim=1))


class Attender(nn.Module):
    """An attention block over words, some of which a mask hides."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(WORDS, 16)
        self.places = nn.Parameter(torch.randn(1, LENGTH.max, 16) * 0.1)
        self.attention = nn.MultiheadAttention(16, 4, batch_first=True)
        self.before = nn.LayerNorm(16)
        self.after = nn.Sequential(
            nn.LayerNorm(16), nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 16)
        )
        self.classes = nn.Linear(16, 4)

    def forward(self, words: Tensor, shown: Tensor) -> Tensor:
        x = self.words(words) + self.places[:, : words.shape[1]]
        y = self.before(x)
        attended, _ = self.attention(y, y, y, key_padding_mask=~shown, need_weights=False)
        x = x + attended
        x = x + self.after(x)
        kept = shown.unsqueeze(2).to(x.dtype)
        classes: Tensor = self.classes((x * kept).sum(dim=1) / kept.sum(dim=1))
        return classes


def seeded(module: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    """Builds the same weights every time, and leaves torch's own generator as it was."""

    def build() -> nn.Module:
        with torch.random.fork_rng():
            torch.manual_seed(5)
            built = module()
            for norm in built.modules():
                if isinstance(norm, nn.BatchNorm2d):
                    nn.init.normal_(norm.weight, 1.0, 0.2)
                    assert norm.running_var is not None
                    nn.init.uniform_(norm.running_var, 0.5, 2.0)
            return built.eval()

    return build


def _floats(*shape: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def _words(length: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, WORDS, size=length)


def _shown(length: int, seed: int) -> np.ndarray:
    """Which words count; the first always does."""
    shown = np.random.default_rng(seed + 1).random(length) < 0.8
    shown[0] = True
    return shown


def _tensor(name: str, dtype: str, *shape: int | Axis) -> TensorSpec:
    return TensorSpec(name=name, dtype=dtype, shape=shape)


MIXER = ModelSpec(
    name="mixer",
    build=seeded(Mixer),
    inputs=(_tensor("picture", "float32", 3, 8, 8), _tensor("numbers", "float32", 5)),
    outputs=(_tensor("classes", "float32", 4),),
    max_batch_size=8,
    samples=tuple(
        {"picture": _floats(3, 8, 8, seed=seed), "numbers": _floats(5, seed=seed + 1)}
        for seed in range(SAMPLES)
    ),
)

DETECTOR = ModelSpec(
    name="detector",
    build=seeded(Detector),
    inputs=(_tensor("picture", "float32", 1, 16, 16),),
    outputs=(
        _tensor("classes", "float32", 3),
        _tensor("boxes", "float32", 2, 4),
        _tensor("score", "float32"),
    ),
    max_batch_size=8,
    samples=tuple({"picture": _floats(1, 16, 16, seed=seed)} for seed in range(SAMPLES)),
)

RANKER = ModelSpec(
    name="ranker",
    build=seeded(Ranker),
    inputs=(_tensor("words", "int64", 6), _tensor("counts", "int32", 6)),
    outputs=(_tensor("ranks", "float32", 6), _tensor("best", "int64")),
    max_batch_size=8,
    samples=tuple(
        {"words": _words(6, seed), "counts": (_words(6, seed + 1) % 4).astype(np.int32)}
        for seed in range(SAMPLES)
    ),
)

DENOISER = ModelSpec(
    name="denoiser",
    build=seeded(Denoiser),
    inputs=(_tensor("sound", "float32", 2, LENGTH),),
    outputs=(_tensor("clean", "float32", 2, LENGTH),),
    max_batch_size=8,
    samples=tuple({"sound": _floats(2, 24, seed=seed)} for seed in range(SAMPLES)),
)

TAGGER = ModelSpec(
    name="tagger",
    build=seeded(Tagger),
    inputs=(_tensor("steps", "float32", LENGTH, 8),),
    outputs=(_tensor("tags", "float32", LENGTH, 5), _tensor("topic", "float32", 3)),
    max_batch_size=8,
    samples=tuple({"steps": _floats(12, 8, seed=seed)} for seed in range(SAMPLES)),
)

ATTENDER = ModelSpec(
    name="attender",
    build=seeded(Attender),
    inputs=(_tensor("words", "int64", LENGTH), _tensor("shown", "bool", LENGTH)),
    outputs=(_tensor("classes", "float32", 4),),
    max_batch_size=8,
    # Of several lengths, so that int8 is calibrated for them.
    samples=tuple(
        {"words": _words(length, seed), "shown": _shown(length, seed)}
        for seed, length in zip(range(SAMPLES), cycle((4, 10, 23, 48)), strict=False)
    ),
)

MODELS = {spec.name: spec for spec in (MIXER, DETECTOR, RANKER, DENOISER, TAGGER, ATTENDER)}
