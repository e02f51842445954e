"""Expect: 100-continue is said once, after admission, and to who waits for it only."""

from tests.gateway.abuse.case import INFER, LIVE, Case, infer, live, named, passed, refused

_CONTINUE = b"Expect: 100-continue\r\n"
_LENGTH = b"Content-Length: 3\r\n"
# RFC 9110, 10.1.1 lets a server answer 417; one status for all that is malformed is simpler.
_OTHER = [
    b"", b"100", b"100-continue, 100-continue", b"100-continue,", b"100-continue;q=1", b"continue",
    b"200-ok", b"100-continue x", b'"100-continue"', b"100_continue", b"100-continu", b"x=y",
]  # fmt: skip
_SPELLINGS = [b"100-continue", b"100-Continue", b"100-CONTINUE", b" 100-continue "]

CASES: list[Case] = [
    *(
        refused(named("expect", v), infer(b"Expect: " + v + b"\r\n" + _LENGTH, b"abc"))
        for v in _OTHER
    ),
    # The body is there already: nobody waits for the interim answer.
    *(
        passed(
            named("expect", v), infer(b"Expect: " + v + b"\r\n" + _LENGTH, b"abc"), (INFER, b"abc")
        )
        for v in _SPELLINGS
    ),
    passed("expect of no body", infer(_CONTINUE + b"Content-Length: 0\r\n"), (INFER, b"")),
    passed("expect of a GET", live(_CONTINUE), (LIVE, b"")),
    refused("expect twice", infer(_CONTINUE * 2 + _LENGTH, b"abc")),
    refused("expect another thing too", infer(_CONTINUE + b"Expect: x\r\n" + _LENGTH, b"abc")),
    # HTTP/1.0 knows no interim answers; a proxy before us may have copied the field.
    Case(
        name="expect of HTTP/1.0",
        data=infer(_CONTINUE + _LENGTH, b"abc", b"HTTP/1.0"),
        answers=(200,),
        is_kept=False,
        asked=((INFER, b"abc"),),
    ),
]
