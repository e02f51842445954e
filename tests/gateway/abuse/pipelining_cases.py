"""Several requests at once: in order, each once, and none after a fault or a close."""

from gateway.data.client_connection import MAX_PIPELINED
from tests.gateway.abuse.case import INFER, LIVE, Asked, Case, infer, line, live, passed

_LIVE: Asked = (LIVE, b"")
_POST = infer(b"Content-Length: 3\r\n", b"abc")
_CHUNKED = infer(b"Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n0\r\n\r\n")
_ASKED: Asked = (INFER, b"abc")
_CLOSE = live(b"Connection: close\r\n")
_NOT_FOUND = line(b"GET /nowhere HTTP/1.1")
_NO_KEY = _POST.replace(b"$KEY", b"ck_no")

_FAULTS = [
    ("junk", b"junk\r\n\r\n"),
    ("a request without a host", LIVE + b" HTTP/1.1\r\n\r\n"),
    (
        "length and coding",
        infer(b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
    ),
    ("a bad chunk", infer(b"Transfer-Encoding: chunked\r\n", b"zz\r\n")),
    ("a control byte", b"\x01"),
    ("an answer", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
]


def _case(
    name: str, data: bytes, answers: tuple[int, ...], *asked: Asked, kept: bool = False
) -> Case:
    return Case(name=name, data=data, answers=answers, is_kept=kept, asked=asked)


CASES: list[Case] = [
    passed("two requests", live() + live(), _LIVE, _LIVE),
    passed("two bodies", _POST + _CHUNKED, _ASKED, _ASKED),
    passed("bodies and none", _POST + live() + _CHUNKED + live(), _ASKED, _LIVE, _ASKED, _LIVE),
    passed("an empty line between", _POST + b"\r\n" + _POST, _ASKED, _ASKED),
    passed("as many as may be", live() * (MAX_PIPELINED - 1), *[_LIVE] * (MAX_PIPELINED - 1)),
    _case(
        "one too many",
        live() * (MAX_PIPELINED + 1),
        (200,) * MAX_PIPELINED + (400,),
        *[_LIVE] * MAX_PIPELINED,
    ),
    _case("far too many", live() * 500, (200,) * MAX_PIPELINED + (400,), *[_LIVE] * MAX_PIPELINED),
    _case("many that are refused", _NOT_FOUND * 31, (404,) * 31, kept=True),
    _case(
        "a refused one between",
        live() + _NOT_FOUND + live(),
        (200, 404, 200),
        _LIVE,
        _LIVE,
        kept=True,
    ),
    _case(
        "a refused body between",
        _POST + _NO_KEY + _POST,
        (200, 401, 200),
        _ASKED,
        _ASKED,
        kept=True,
    ),
    _case("after close", _CLOSE + live(), (200,), _LIVE),
    _case("a body after close", _CLOSE + _POST * 3, (200,), _LIVE),
    _case("close after others", live() + _CLOSE + live(), (200, 200), _LIVE, _LIVE),
    _case(
        "after HTTP/1.0",
        LIVE + b" HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + live(),
        (200,),
        _LIVE,
    ),
    *(_case(f"after {name}", data + live(), (400,)) for name, data in _FAULTS),
    *(_case(f"{name} after one", _POST + data, (200, 400), _ASKED) for name, data in _FAULTS),
    *(
        _case(f"{name} between", live() + data + live(), (200, 400), _LIVE)
        for name, data in _FAULTS
    ),
    _case("a fault after a refused one", _NOT_FOUND + b"junk\r\n\r\n", (404, 400)),
    # The lengths of these bodies are exact; a byte off would make a request of the rest.
    passed(
        "a body that looks like chunks",
        infer(b"Content-Length: 8\r\n", b"0\r\n\r\nGET"),
        (INFER, b"0\r\n\r\nGET"),
    ),
    _case(
        "a body longer than its length",
        infer(b"Content-Length: 3\r\n", b"abcGET /v2 HTTP/1.1\r\nHost: gateway\r\n\r\n"),
        (200, 401),
        _ASKED,
        kept=True,
    ),
    _case(
        "a body longer by junk", infer(b"Content-Length: 3\r\n", b"abcjunk\r\n"), (200, 400), _ASKED
    ),
]
