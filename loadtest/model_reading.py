"""Asks a server what its models take, over HTTP or gRPC."""

import json
import ssl
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote

from loadtest.errors import MeasuringError
from loadtest.served_model import ServedModel, served_model
from loadtest.traffic import KEY_VARIABLE, ModelShare, Traffic

_TIMEOUT_S = 10
_NO_KEY = f"{KEY_VARIABLE} is not set; set it to a key: export {KEY_VARIABLE}=ck_…"
_HINTS = {
    401: "Give a key that is valid.",
    403: "The key may not use this model.",
    404: "Ask for a model that is served; `conch models` lists them.",
}


def model_path(share: ModelShare) -> str:
    """`/v2/models/NAME`, with the version if one was chosen."""
    version = f"/versions/{quote(share.version, safe='')}" if share.version else ""
    return f"/v2/models/{quote(share.name, safe='')}{version}"


def read_over_http(traffic: Traffic, share: ModelShare, key: str | None) -> ServedModel:
    """Read one model. Raises MeasuringError when the server does not tell."""
    path = model_path(share)
    metadata = _get(traffic, path, key)
    try:
        config = _get(traffic, f"{path}/config", key)
    except MeasuringError:
        config = None  # a client's key may do without; sizes and the batch stay unchecked
    return served_model(metadata, config)


def _get(traffic: Traffic, path: str, key: str | None) -> dict[str, Any]:
    url = traffic.url.rstrip("/") + path
    request = urllib.request.Request(url)
    if key:
        request.add_header("Authorization", f"Bearer {key}")
    try:
        with _opener(traffic.ca_file).open(request, timeout=_TIMEOUT_S) as answer:
            found: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            hint = _NO_KEY if error.code == 401 and not key else _HINTS.get(error.code, "")
            raise MeasuringError(f"{url} was answered {error.code}. {hint}".rstrip()) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, ConnectionRefusedError):
            raise MeasuringError(
                f"Nothing listens at {traffic.url}. Start the stack there with `conch up`, or name "
                "where it is by --url (--triton-url with --direct, --host in Locust)."
            ) from None
        raise MeasuringError(f"{url} cannot be read: {reason}.") from None
    return found


def _opener(ca_file: str) -> urllib.request.OpenerDirector:
    context = ssl.create_default_context(cafile=ca_file or None)
    # A proxy of the environment is not what is to be measured.
    return urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
