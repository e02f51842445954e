"""Bodies: content codings, bombs, JSON that ends Triton, shared memory, shapes that lie."""

import gzip
import zlib

from tests.gateway.abuse.case import INFER, Case, denied, infer, named, passed
from tests.gateway.abuse.limit_cases import MAX_BODY_BYTES

_JSON = b'{"inputs":[{"name":"X","shape":[1,4],"datatype":"FP32","data":[1,2,3,4]}]}'
_ZEROS = bytes(20 * MAX_BODY_BYTES)
_UNKNOWN_CODINGS = [
    b"br", b"zstd", b"compress", b"x-gzip", b"gzip, gzip", b"gzip,deflate", b"chunked", b"*",
    b"gzip;q=1", b"\xff",
]  # fmt: skip
_NOT_GZIP = [b"abc", b"\x1f\x8b\x08junkjunk", gzip.compress(_JSON, mtime=0)[1:], b"\x00" * 50]
_SHAPES_THAT_LIE = [
    b"[1,268435456]", b"[1,2147483648]", b"[1000000,1000000]", b"[-1,99999999]", b"[ 9 , 99999 ]",
    b"[9223372036854775807]", b"[99999999999999999999]", b"[" + b"9" * 300 + b"]",
    b"[" + b"9," * 400 + b"9]", b"[8" + b"9" * 5000 + b"]",
    b"[7" + b"9" * 4000 + b"," + b"9" * 4000 + b"]", b"[8," + b"9," * 20_000 + b"9]",
]  # fmt: skip
_SHARED_MEMORY = [
    b'{"parameters":{"shared_memory_region":"x"}}', b'{"shared_memory_region" : "x"}',
    b'{"\\u0073hared_memory_region":"x"}', b'{"shared\\u005fmemory_region":"x"}',
]  # fmt: skip


# Long enough that anything but linear time would be felt.
_ENDLESS_STRING = b'{"id":"' + b'\\"' * 100_000
_HIDDEN_SHAPES = b'""shape":["' * 6_000


def _body(body: bytes, fields: bytes = b"") -> bytes:
    return infer(fields + b"Content-Length: %d\r\n" % len(body), body)


def _coded(coding: bytes, body: bytes) -> bytes:
    return _body(body, b"Content-Encoding: " + coding + b"\r\n")


def _shaped(shape: bytes) -> bytes:
    return _body(b'{"inputs":[{"name":"X","shape":' + shape + b',"datatype":"FP32","data":[1]}]}')


_GZIPPED = gzip.compress(_JSON, mtime=0)

CASES: list[Case] = [
    *(denied(named("content coding", v), _coded(v, b"abc"), 415) for v in _UNKNOWN_CODINGS),
    *(denied(named("not gzip", v), _coded(b"gzip", v), 400) for v in _NOT_GZIP),
    passed("gzip", _coded(b"gzip", _GZIPPED), (INFER, _GZIPPED)),
    passed("deflate", _coded(b"deflate", zlib.compress(_JSON)), (INFER, zlib.compress(_JSON))),
    denied("a bomb of gzip", _coded(b"gzip", gzip.compress(_ZEROS, mtime=0)), 413),
    denied("a bomb of deflate", _coded(b"deflate", zlib.compress(_ZEROS)), 413),
    denied("bytes behind gzip", _coded(b"gzip", _GZIPPED + b"abc"), 400),
    denied("gzip behind gzip", _coded(b"gzip", _GZIPPED + _GZIPPED), 400),
    *(denied(named("shape", v), _shaped(v), 400) for v in _SHAPES_THAT_LIE),
    *(
        denied(named("shared memory", v), _body(v), 400 if b"\\u" in v else 403)
        for v in _SHARED_MEMORY
    ),
    denied("deep arrays", _body(b"[" * 10_000), 400),
    denied("deep objects", _body(b'{"a":' * 10_000), 400),
    denied("deep arrays that end", _body(b"[" * 10_000 + b"]" * 10_000), 400),
    denied("very many objects", _body(b'{"inputs":[' + b"{}," * 10_000 + b"{}]}"), 400),
    passed(
        "brackets within a string",
        _body(b'{"id":"' + b"[" * 100 + b'"}'),
        (INFER, b'{"id":"' + b"[" * 100 + b'"}'),
    ),
    passed("a string without end", _body(_ENDLESS_STRING), (INFER, _ENDLESS_STRING)),
    denied("shapes hidden in strings", _body(_HIDDEN_SHAPES), 400),
    passed("no JSON", _body(b"\x00\xff"), (INFER, b"\x00\xff")),
]
