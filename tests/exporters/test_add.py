from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from onnx import helper
from torch import Tensor, nn

from exporters.add import Told, add
from exporters.artefacts.resolve import Answers
from exporters.compiling.quiet import quiet
from exporters.declaring.tensor_text import parse_axis, parse_tensor
from exporters.errors import ProofError, SpecError
from exporters.manifest import read_manifest
from exporters.repository import published_versions
from exporters.spec import TensorSpec
from tests.exporters.artefacts.files import (
    FLOAT,
    IRIS,
    centred,
    doubler,
    exported_program,
    heard_over_the_loudest,
    lookup,
    torchscript,
    write_onnx,
)


def told(
    *inputs: str, batch: int | None = None, axis: str = "", output: str = "", **more: Any
) -> Told:
    answers = Answers(
        inputs={tensor.name: tensor for tensor in map(parse_tensor, inputs)},
        outputs={t.name: t for t in map(parse_tensor, [output] if output else [])},
        axes={a.name: a for a in map(parse_axis, [axis] if axis else [])},
        max_batch_size=batch,
    )
    return Told(answers, **more)


def test_a_file_of_another_tool_becomes_a_version(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("setosa\nversicolor\nvirginica\n")
    given = told(batch=4, labels={"probabilities": tmp_path / "classes.txt"})
    added = add(IRIS, "iris", given, repository=tmp_path / "models")
    folder = tmp_path / "models" / "iris"
    assert added.version == 1
    assert (folder / "1" / "model.onnx").read_bytes() == IRIS.read_bytes()
    assert 'label_filename: "labels.txt"' in (folder / "config.pbtxt").read_text()
    manifest = read_manifest(folder / "1")
    assert manifest.source == str(IRIS)
    assert {row.output for row in manifest.proof} == {"label", "probabilities"}
    assert manifest.notes == ("tried on random inputs only: no samples were given",)


def test_weights_beside_the_file_come_along(tmp_path: Path) -> None:
    path = doubler(tmp_path / "big.onnx", external=True)
    added = add(path, "doubler", told(batch=2), repository=tmp_path / "models")
    assert [file.path for file in added.manifest.files] == ["model.onnx", "model.data"]


def test_a_model_that_mixes_its_batch_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    path = centred(tmp_path / "m.onnx")
    with pytest.raises(ProofError, match="mixes the items of a batch: output 'y'"):
        add(path, "centred", told(batch=4), repository=tmp_path / "models")
    assert published_versions(tmp_path / "models", "centred") == []


def test_an_item_that_is_measured_against_a_louder_one_is_refused(tmp_path: Path) -> None:
    path = heard_over_the_loudest(tmp_path / "m.onnx")
    with pytest.raises(ProofError, match="mixes the items of a batch: output 'y'"):
        add(path, "loudest", told(batch=4), repository=tmp_path / "models")


def test_axes_are_tried_at_further_lengths(tmp_path: Path) -> None:
    given = told(batch=4, axis="length=1..6", ranges={"ids": (0, 4)})
    added = add(lookup(tmp_path / "m.onnx"), "lookup", given, repository=tmp_path / "models")
    assert added.manifest.outputs[0].shape == (-1, 2)
    assert {row.lengths["length"] for row in added.manifest.proof} >= {1, 6}


def test_a_range_that_the_model_does_not_take_is_refused(tmp_path: Path) -> None:
    given = told(batch=4, axis="length=1..6", ranges={"ids": (0, 50)})
    with pytest.raises(ProofError, match=r"fails at batch 1 and length 6 on real inputs"):
        add(lookup(tmp_path / "m.onnx"), "lookup", given, repository=tmp_path / "models")


def test_samples_are_what_it_is_tried_on(tmp_path: Path) -> None:
    samples = tmp_path / "samples.npz"
    np.savez(samples, ids=np.array([[0, 1, 2], [4, 4, 4]]))
    given = told(batch=2, axis="length=1..6", samples=samples)
    added = add(lookup(tmp_path / "m.onnx"), "lookup", given, repository=tmp_path / "models")
    assert added.manifest.notes == ()


def test_what_the_file_says_wrongly_is_corrected_and_said(tmp_path: Path) -> None:
    path = write_onnx(
        tmp_path / "m.onnx",
        helper.make_node("Identity", ["x"], ["y"]),
        inputs={"x": (FLOAT, ["n", "length"])},
        outputs={"y": (FLOAT, ["n", 8])},
    )
    given = told(batch=2, axis="length=1..9")
    added = add(path, "same", given, repository=tmp_path / "models")
    assert added.manifest.outputs[0].shape == (-1,)
    assert "declares 'y' as [8], and returns [-1]" in added.manifest.notes[0]


def test_torchscript_is_described_by_whoever_adds_it(tmp_path: Path) -> None:
    given = told("x:float32[length=1..6,4]", "mask:float32[length=1..6,1]", batch=2)
    added = add(torchscript(tmp_path / "m.pt"), "scaled", given, repository=tmp_path / "models")
    assert [(t.name, t.dtype, t.shape) for t in added.manifest.outputs] == [
        ("output_0", "float32", (-1, 4)),
        ("output_1", "float32", (-1,)),
    ]


def test_an_output_that_is_described_wrongly_is_refused(tmp_path: Path) -> None:
    given = told(batch=2, output="y:float32[5]")
    with pytest.raises(SpecError, match=r"'y:float32\[5\]' is not what .* 'y:float32\[4\]'"):
        add(doubler(tmp_path / "m.onnx"), "m", given, repository=tmp_path / "models")


def test_an_exported_program_is_compiled_and_proven_against_itself(tmp_path: Path) -> None:
    path = exported_program(tmp_path / "m.pt2")
    added = add(path, "scaled", told(batch=4), repository=tmp_path / "models")
    assert added.manifest.format == "onnx"
    assert added.manifest.worst_error is not None
    assert [tensor.name for tensor in added.manifest.inputs] == ["x", "mask"]


def test_labels_that_do_not_count_the_values_are_refused(tmp_path: Path) -> None:
    (tmp_path / "two.txt").write_text("a\nb\n")
    given = told(batch=2, labels={"probabilities": tmp_path / "two.txt"})
    with pytest.raises(SpecError, match="2 labels for 'probabilities', which has 3 values"):
        add(IRIS, "iris", given, repository=tmp_path / "models")


def test_a_finished_file_is_not_compiled_again(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"is published as it is\. Leave --format out"):
        add(IRIS, "iris", told(batch=2), repository=tmp_path / "models", format="aoti")


class Sums(nn.Module):
    """Adds all that it was ever given."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("total", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.total += x.sum()
        return x + self.total


@pytest.mark.parametrize("batch", [0, 4])
def test_a_file_that_remembers_is_refused(tmp_path: Path, batch: int) -> None:
    with quiet():
        torch.jit.save(torch.jit.script(Sums()), tmp_path / "sums.pt")
    x = TensorSpec(name="x", dtype="float32", shape=(4,))
    told = Told(Answers(inputs={"x": x}, max_batch_size=batch))
    with pytest.raises(ProofError, match="keeps state"):
        add(tmp_path / "sums.pt", "sums", told, repository=tmp_path / "models")
    assert not (tmp_path / "models" / "sums").exists()
