from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from exporters.declaring.sample_files import AnswerFile, SampleFiles, read_labels
from exporters.errors import SpecError
from exporters.spec import TensorSpec


def image(*shape: int, dtype: str = "float32") -> tuple[TensorSpec, ...]:
    return (TensorSpec(name="image", dtype=dtype, shape=shape),)


def picture(path: Path, mode: str = "RGB") -> Path:
    pixels = np.arange(2 * 4 * 3, dtype=np.uint8).reshape(2, 4, 3)
    Image.fromarray(pixels).convert(mode).save(path)
    return path


def test_the_first_dimension_of_an_npz_counts_the_samples(tmp_path: Path) -> None:
    np.savez(tmp_path / "s.npz", x=np.arange(6).reshape(3, 2), scale=np.ones(3))
    samples = list(SampleFiles(tmp_path / "s.npz")())
    assert [sample["x"].tolist() for sample in samples] == [[0, 1], [2, 3], [4, 5]]
    assert samples[0]["scale"].shape == ()


def test_several_npz_are_one_sample_each(tmp_path: Path) -> None:
    for length in (3, 5):
        np.savez(tmp_path / f"{length}.npz", ids=np.arange(length))
    shapes = [sample["ids"].shape for sample in SampleFiles(tmp_path / "*.npz")()]
    assert shapes == [(3,), (5,)]


def test_npy_files_are_samples_of_the_only_input(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones(4))
    (sample,) = SampleFiles(tmp_path / "*.npy", image(4))()
    assert list(sample) == ["image"]


@pytest.mark.parametrize(
    ("shape", "mode"),
    [((2, 4), "L"), ((1, 2, 4), "L"), ((8,), "L"), ((3, 2, 4), "RGB"), ((2, 4, 3), "RGB")],
)
def test_a_picture_fills_the_declared_shape(
    tmp_path: Path, shape: tuple[int, ...], mode: str
) -> None:
    path = picture(tmp_path / "p.png", mode)
    (sample,) = SampleFiles(path, image(*shape))()
    assert sample["image"].shape == shape
    assert sample["image"].max() == np.asarray(Image.open(path)).max() / np.float32(255)


def test_colour_channels_come_first_where_the_shape_says_so(tmp_path: Path) -> None:
    path = picture(tmp_path / "p.png")
    (sample,) = SampleFiles(path, image(3, 2, 4, dtype="uint8"))()
    assert sample["image"][1].tolist() == [[1, 4, 7, 10], [13, 16, 19, 22]]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (image(3, 4, 2), r"is 4 x 2 pixels, which is no \[3, 4, 2\]"),
        (image(3, 2, 4, dtype="int64"), "Pictures fill float32"),
        ((), "no input is declared"),
        ((*image(2, 4), TensorSpec(name="b", dtype="bool", shape=())), "2 inputs are declared"),
    ],
)
def test_a_picture_that_does_not_fit_is_refused(
    tmp_path: Path, inputs: tuple[TensorSpec, ...], message: str
) -> None:
    path = picture(tmp_path / "p.png")
    with pytest.raises(SpecError, match=message):
        list(SampleFiles(path, inputs)())


def test_arrays_of_different_counts_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "s.npz", x=np.ones((3, 2)), y=np.ones((2, 2)))
    with pytest.raises(SpecError, match=r"different numbers of samples \(x: 3, y: 2\)"):
        list(SampleFiles(tmp_path / "s.npz")())


def test_python_objects_are_not_loaded(tmp_path: Path) -> None:
    np.savez(tmp_path / "s.npz", x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(SpecError, match="Python objects are not loaded"):
        list(SampleFiles(tmp_path / "s.npz")())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent.npz", "is not a file"),
        ("absent/*.png", "no file fits this pattern"),
        ("text.npz", "cannot be read as arrays"),
        ("text.png", "cannot be read as a picture"),
        ("text.txt", "cannot be read as a sample"),
    ],
)
def test_files_that_are_no_samples_are_named(tmp_path: Path, name: str, message: str) -> None:
    for suffix in ("npz", "png", "txt"):
        (tmp_path / f"text.{suffix}").write_text("words")
    with pytest.raises(SpecError, match=message):
        list(SampleFiles(tmp_path / name, image(2, 4))())


def test_answers_are_read_from_text_or_array(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("3\n1\n\n")
    np.save(tmp_path / "a.npy", np.array([3, 1]))
    assert (
        list(AnswerFile(tmp_path / "a.txt")()) == list(AnswerFile(tmp_path / "a.npy")()) == [3, 1]
    )


def test_an_answer_that_is_no_class_is_named_by_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("3\ncat\n")
    with pytest.raises(SpecError, match="line 2, is 'cat'"):
        list(AnswerFile(tmp_path / "a.txt")())


def test_labels_are_one_in_each_line(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("tabby cat\ndog\n")
    assert read_labels(tmp_path / "labels.txt") == ("tabby cat", "dog")
    with pytest.raises(SpecError, match="cannot be read"):
        read_labels(tmp_path / "absent.txt")
