import warnings

import torch

from tests.exporters.conftest import ExportedZoo


def test_the_input_is_named_as_the_argument_that_triton_reads(zoo: ExportedZoo) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        artefact = torch.jit.load(zoo.published["mnist_mlp"].path / "model.pt")
    assert [argument.name for argument in artefact.forward.schema.arguments] == ["self", "image"]


def test_the_weights_are_frozen_into_the_graph(zoo: ExportedZoo) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        artefact = torch.jit.load(zoo.published["mnist_mlp"].path / "model.pt")
    assert list(artefact.parameters()) == []
