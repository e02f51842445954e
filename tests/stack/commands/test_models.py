"""`conch models` where there is nobody to ask."""

from pathlib import Path

import pytest

from tests.gateway.processes import free_port
from tests.stack.commands.typed import refusal


@pytest.mark.parametrize(
    ("command", "port", "settings"),
    [
        (("models",), "--triton-http-port", "--triton-urls (CONCH_TRITON_HTTP_PORT"),
        (("infer", "mnist_cnn", "digit.png"), "--port", "--url, or --host and --port"),
    ],
    ids=["models", "infer"],
)
def test_where_nothing_answers_the_settings_of_another_address_are_named(
    tmp_path: Path, command: tuple[str, ...], port: str, settings: str
) -> None:
    number = free_port()
    said = refusal(tmp_path, *command, port, str(number))
    assert f"http://127.0.0.1:{number} does not answer" in said and settings in said
