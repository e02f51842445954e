"""Pictures become tensors of the shape a model takes."""

import ssl
from array import array
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import trustme
from PIL import Image

from stack.client import ImageInput, call, image_bytes
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


class Empty(BaseHTTPRequestHandler):
    """Answers 200 and nothing."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


def test_an_authority_of_ones_own_is_trusted_by_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with ThreadingHTTPServer(("127.0.0.1", 0), Empty) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"https://127.0.0.1:{server.server_port}"
        with pytest.raises(ClientError, match="SSL_CERT_FILE"):
            call(url, "/v2")
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        assert call(url, "/v2").status_code == 200
        server.shutdown()
