"""A traffic as people write it: models, batches and tenants with weights, sizes of axes."""

import math

from loadtest.errors import OptionError
from loadtest.traffic import Bounds, KeyShare, ModelShare


def parse_models(texts: list[str], batches: list[str]) -> list[ModelShare]:
    """`NAME[:VERSION][=WEIGHT]` each, all with the same mix of batches.

    >>> parse_models(["mnist_cnn=3", "mnist_mlp"], ["1", "8=2"])[0].batches
    {1: 1.0, 8: 2.0}
    """
    sizes = dict(_batch(text) for text in batches) or {1: 1.0}
    shares = []
    for text in texts:
        name, weight = _weighted(text, "--model")
        name, _, version = name.partition(":")
        if not name:
            raise OptionError(f"--model {text!r} names no model. Write NAME or NAME=WEIGHT.")
        shares.append(ModelShare(name=name, version=version, weight=weight, batches=sizes))
    return shares


def parse_tenants(texts: list[str], *, name: str = "--key-from") -> list[KeyShare]:
    """`VARIABLE[=WEIGHT]` each: the environment variable that holds a tenant's key.

    >>> parse_tenants(["ACME_KEY=3"])[0].variable
    'ACME_KEY'
    """
    shares = []
    for text in texts:
        variable, weight = _weighted(text, name)
        # The text may be a key itself, so it is not repeated.
        if not variable.isidentifier() or variable.startswith("ck_"):
            raise OptionError(
                f"{name} names no variable. Write the name of the environment "
                "variable that holds the key: ACME_KEY or ACME_KEY=WEIGHT."
            )
        shares.append(KeyShare(tenant=variable, variable=variable, weight=weight))
    return shares


def parse_dimension(text: str) -> tuple[str, Bounds]:
    """Read `NAME=LOW:HIGH` or `NAME=SIZE`; the name is `INPUT` or `INPUT.AXIS`."""
    name, _, sizes = text.rpartition("=")
    low, _, high = sizes.partition(":")
    numbers = [size for size in (low, high or low) if size.isascii() and size.isdigit()]
    if not name or len(numbers) != 2 or not 1 <= int(numbers[0]) <= int(numbers[1]):
        raise OptionError(
            f"Sizes {text!r} cannot be read. Write INPUT=LOW:HIGH, like tokens=1:128, or "
            "INPUT.AXIS=LOW:HIGH for one axis of several (0 is the first after the batch)."
        )
    return name, Bounds(int(numbers[0]), int(numbers[1]))


def _batch(text: str) -> tuple[int, float]:
    size, weight = _weighted(text, "--batch")
    if not (size.isascii() and size.isdigit()) or int(size) == 0:
        raise OptionError(f"--batch {text!r} is no batch size. Write SIZE or SIZE=WEIGHT: 8=0.5.")
    return int(size), weight


def _weighted(text: str, name: str) -> tuple[str, float]:
    what, given, number = text.partition("=")
    if not given:
        return what, 1.0
    try:
        weight = float(number)
    except ValueError:
        weight = math.nan
    if not (math.isfinite(weight) and weight > 0):
        raise OptionError(f"{name} {text!r}: the weight {number!r} is no number above 0.")
    return what, weight
