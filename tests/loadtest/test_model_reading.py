"""What is told where a server does not tell what its models take."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from loadtest.errors import MeasuringError
from loadtest.model_reading import read_over_http
from loadtest.traffic import ModelShare, Traffic

SHARE = ModelShare(name="digits")


class Unauthorized(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_error(401)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is to be printed."""


@pytest.fixture
def fake_gateway() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Unauthorized) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        serving.join()


def test_no_key_is_told_with_the_variable_that_holds_one(fake_gateway: str) -> None:
    with pytest.raises(MeasuringError, match=r"answered 401. CONCH_API_KEY is not set; set it"):
        read_over_http(Traffic(url=fake_gateway, models=[SHARE]), SHARE, None)


def test_a_key_that_is_refused_is_not_called_absent(fake_gateway: str) -> None:
    with pytest.raises(MeasuringError, match=r"answered 401. Give a key that is valid"):
        read_over_http(Traffic(url=fake_gateway, models=[SHARE]), SHARE, "ck_x")


def test_where_nothing_listens_the_start_of_the_stack_and_the_flag_are_named() -> None:
    url = "http://127.0.0.1:1"
    with pytest.raises(MeasuringError, match=rf"Nothing listens at {url}.*conch up.*--url"):
        read_over_http(Traffic(url=url, models=[SHARE]), SHARE, None)
