"""Pictures become tensors of the shape a model takes."""

from array import array
from pathlib import Path

import pytest
from PIL import Image

from stack.client import ImageInput, image_bytes
from stack.errors import ClientError


def picture(folder: Path) -> Path:
    """A 2x1 picture: a red pixel left, a white one right."""
    image = Image.new("RGB", (2, 1))
    image.putpixel((0, 0), (255, 0, 0))
    image.putpixel((1, 0), (255, 255, 255))
    image.save(folder / "picture.png")
    return folder / "picture.png"


def wanted(*shape: int, datatype: str = "FP32") -> ImageInput:
    return ImageInput("image", datatype, shape, batched=True)


def test_float_pixels_lie_between_zero_and_one(tmp_path: Path) -> None:
    values = array("f", image_bytes(picture(tmp_path), wanted(1, 1, 2)))
    assert values.tolist() == pytest.approx([76 / 255, 1.0])


def test_channels_first_gives_planes(tmp_path: Path) -> None:
    values = image_bytes(picture(tmp_path), wanted(3, 1, 2, datatype="UINT8"))
    assert list(values) == [255, 255, 0, 255, 0, 255]


def test_channels_last_gives_pixels(tmp_path: Path) -> None:
    values = image_bytes(picture(tmp_path), wanted(2, 2, 3, datatype="UINT8"))
    assert list(values) == [255, 0, 0, 255, 255, 255] * 2


def test_a_flat_input_is_a_square_picture(tmp_path: Path) -> None:
    assert len(image_bytes(picture(tmp_path), wanted(784))) == 784 * 4


def test_a_shape_that_is_no_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ClientError, match=r"\[5, 7, 9\]"):
        image_bytes(picture(tmp_path), wanted(5, 7, 9))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ClientError, match="no file"):
        image_bytes(tmp_path / "absent.png", wanted(1, 28, 28))


def test_a_file_that_is_no_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("not a picture")
    with pytest.raises(ClientError, match="cannot be read"):
        image_bytes(tmp_path / "text.png", wanted(1, 28, 28))


def test_four_numbers_are_no_picture(tmp_path: Path) -> None:
    with pytest.raises(ClientError, match=r"shape \[4\] is not the shape of one picture"):
        image_bytes(tmp_path / "any.png", ImageInput("x", "FP32", (4,), batched=True))
