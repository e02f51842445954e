"""A small client of the Open Inference Protocol for the command line's own calls."""

import json
import math
import re
import ssl
import struct
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from PIL import Image, UnidentifiedImageError

from gateway.settings import is_http_url
from stack.errors import ClientError, NotAnsweringError, UsageError

_TIMEOUT_S = 30.0
_LOOPBACK = re.compile(r"https?://(127\.|localhost|\[::1\])")
# Element types an image can be turned into: Triton's name -> array typecode and whether 0..1.
_IMAGE_DTYPES = {"FP32": ("f", True), "UINT8": ("B", False)}
# Four numbers are a square, too, and hardly a picture.
_LEAST_PIXELS = 64


@dataclass(frozen=True)
class ImageInput:
    """The one image input of a model: shape without the batch, e.g. `(1, 28, 28)`."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    batched: bool


@dataclass(frozen=True)
class Guess:
    """One class of a classification, with the model's score for it: a probability or not."""

    label: str
    score: float

    @property
    def may_be_probability(self) -> bool:
        return 0 <= self.score <= 1


def call(base_url: str, path: str, *, key: str | None = None, **request: Any) -> httpx2.Response:
    """One HTTP call, POST when a `content` is given. Raises ClientError unless answered 200."""
    headers = dict(request.pop("headers", {}))
    if key:
        headers["Authorization"] = f"Bearer {key}"
    method = "POST" if "content" in request else "GET"
    if not is_http_url(base_url):
        raise UsageError(f"{base_url} is no URL; write it as http://127.0.0.1:8080.")
    try:
        answer = httpx2.request(
            method,
            base_url + path,
            headers=headers,
            timeout=_TIMEOUT_S,
            # A proxy of the environment is not for what runs on this machine.
            trust_env=not _LOOPBACK.match(base_url),
            # The authorities of this machine, or those in SSL_CERT_FILE.
            verify=ssl.create_default_context() if base_url.startswith("https:") else True,
            **request,
        )
    except (httpx2.TransportError, httpx2.InvalidURL) as error:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            raise ClientError(
                f"The certificate of {base_url} does not hold here ({error}). Call the host that "
                "it names, and put the file of its authority into SSL_CERT_FILE."
            ) from None
        raise NotAnsweringError(
            f"{base_url} does not answer ({error}). Is the stack running? Start it with `conch up`."
        ) from None
    if answer.status_code == 401 and not key:
        raise ClientError("A key is needed: give it with --key or in CONCH_API_KEY.")
    if answer.status_code != 200:
        raise ClientError(f"{method} {path} was answered {answer.status_code}: {_reason(answer)}")
    return answer


def image_input(base_url: str, model: str, key: str | None) -> tuple[ImageInput, str]:
    """The model's image input, and the name of the output that says what is seen."""
    metadata = call(base_url, f"/v2/models/{model}", key=key).json()
    inputs = metadata["inputs"]
    if len(inputs) != 1 or inputs[0]["datatype"] not in _IMAGE_DTYPES:
        found = ", ".join(f"{i['name']} {i['datatype']}{i['shape']}" for i in inputs)
        raise ClientError(
            f"Model {model} takes {found}; `conch infer` sends one image, as FP32 or UINT8. "
            "Call this model through the HTTP API instead."
        )
    shape = tuple(int(size) for size in inputs[0]["shape"])
    batched = shape[0] == -1
    name, datatype = inputs[0]["name"], inputs[0]["datatype"]
    sizes = shape[1:] if batched else shape
    outputs = [output["name"] for output in metadata["outputs"]]
    output = outputs[0] if len(outputs) == 1 else _labelled(base_url, model, key) or outputs[0]
    return ImageInput(name, datatype, sizes, batched), output


def _labelled(base_url: str, model: str, key: str | None) -> str | None:
    """The first output that has labels; the metadata does not tell."""
    config = call(base_url, f"/v2/models/{model}/config", key=key).json()
    return next((out["name"] for out in config["output"] if out.get("label_filename")), None)


def image_bytes(path: Path, wanted: ImageInput) -> bytes:
    """The picture as one little-endian tensor of the wanted shape; pixels 0..1 for FP32.

    Shapes understood: `(H, W)`, `(1|3, H, W)`, `(H, W, 1|3)` and a square flattened to `(N,)`.
    """
    mode, size, channels_first = _layout(wanted.shape)
    try:
        with Image.open(path) as opened:
            image = opened.convert(mode).resize(size)
    except FileNotFoundError:
        raise ClientError(f"There is no file {path}.") from None
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError) as error:
        raise ClientError(f"{path} cannot be read as a picture: {error}.") from None
    planes = image.split() if channels_first else (image,)
    pixels = b"".join(plane.tobytes() for plane in planes)
    typecode, scaled = _IMAGE_DTYPES[wanted.datatype]
    return array(typecode, (pixel / 255 for pixel in pixels)).tobytes() if scaled else pixels


def classify(base_url: str, model: str, picture: Path, *, key: str | None, top: int) -> list[Guess]:
    """The `top` likeliest classes of a picture, likeliest first (classification extension)."""
    wanted, output = image_input(base_url, model, key)
    tensor = image_bytes(picture, wanted)
    shape = [1, *wanted.shape] if wanted.batched else list(wanted.shape)
    head = {
        "inputs": [
            {
                "name": wanted.name,
                "shape": shape,
                "datatype": wanted.datatype,
                "parameters": {"binary_data_size": len(tensor)},
            }
        ],
        "outputs": [{"name": output, "parameters": {"classification": top}}],
    }
    encoded = json.dumps(head).encode()
    headers = {"Inference-Header-Content-Length": str(len(encoded))}
    path = f"/v2/models/{model}/infer"
    answer = call(base_url, path, key=key, content=encoded + tensor, headers=headers)
    return [_guess(text) for text in _texts(answer, output)]


def _layout(shape: tuple[int, ...]) -> tuple[str, tuple[int, int], bool]:
    """Pillow's mode, its (width, height), and whether the channels come first."""
    if len(shape) == 1 and shape[0] >= _LEAST_PIXELS and math.isqrt(shape[0]) ** 2 == shape[0]:
        return "L", (math.isqrt(shape[0]), math.isqrt(shape[0])), False
    if len(shape) == 2:
        return "L", (shape[1], shape[0]), False
    if len(shape) == 3 and shape[0] in (1, 3):
        return ("L" if shape[0] == 1 else "RGB"), (shape[2], shape[1]), True
    if len(shape) == 3 and shape[2] in (1, 3):
        return ("L" if shape[2] == 1 else "RGB"), (shape[1], shape[0]), False
    raise ClientError(f"An input of shape {list(shape)} is not the shape of one picture.")


def _texts(answer: httpx2.Response, output: str) -> list[str]:
    """The strings of a BYTES output, which Triton sends as JSON or as length-prefixed binary."""
    split = answer.headers.get("Inference-Header-Content-Length")
    body = json.loads(answer.content[: int(split)] if split else answer.content)
    found = next(item for item in body["outputs"] if item["name"] == output)
    if "data" in found:
        return list(found["data"])
    raw, texts, at = answer.content[int(split or 0) :], [], 0
    while at < len(raw):
        (length,) = struct.unpack_from("<I", raw, at)
        texts.append(raw[at + 4 : at + 4 + length].decode())
        at += 4 + length
    return texts


def _guess(text: str) -> Guess:
    """`"0.998:7:seven"` -> Guess("seven", 0.998); without labels the index is the label."""
    score, index, *label = text.split(":", 2)
    return Guess(label[0] if label else index, float(score))


def _reason(answer: httpx2.Response) -> str:
    try:
        return str(answer.json()["error"])
    except (ValueError, KeyError, TypeError):
        return answer.text[:200] or "no reason given"
