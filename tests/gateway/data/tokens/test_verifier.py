"""Tokens as clients, and as attackers, send them: through the whole verification."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from gateway.data.auth import NOT_VALID, Principal
from gateway.data.tokens.fetch import KeyFetcher
from gateway.data.tokens.verifier import JwtVerifier, jwt_verifier
from gateway.errors import IssuerUnavailable, Unauthenticated
from gateway.jwt_issuers import ALGORITHMS, parse_issuers
from tests.gateway.data.tokens.jwks_server import JwksServer, answer, serving
from tests.gateway.data.tokens.signing import (
    ISSUER,
    NOW_S,
    Json,
    Signer,
    b64,
    document,
    ec_signer,
    ed_signer,
    good_claims,
    issuers_text,
    raw_token,
    rsa_key,
    rsa_signer,
    token,
)
from tests.gateway.helpers import Clock, run, until

SIGNER = rsa_signer()
EVIL = rsa_signer("evil")
EVERY = [
    *(rsa_signer(name, name) for name in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")),
    *(ec_signer(name, name) for name in ("ES256", "ES384", "ES512")),
    *(ed_signer(name, name) for name in ("EdDSA", "Ed25519")),
]
# Each way to have no signature worth the name.
FORGERIES: dict[str, bytes] = {
    "by another key": token(EVIL, good_claims(), kid="rsa"),
    "alg none": raw_token(b'{"alg":"none","kid":"rsa"}', good_claims(), lambda _: b"x"),
    "alg None": raw_token(b'{"alg":"None","kid":"rsa"}', good_claims(), lambda _: b"x"),
    "no alg": token(SIGNER, good_claims(), alg=None),
    "alg of another": token(SIGNER, good_claims(), alg="RS512"),
    "alg in lower case": token(SIGNER, good_claims(), alg="rs256"),
    "alg with a space": token(SIGNER, good_claims(), alg="RS256 "),
    "alg of a curve": token(SIGNER, good_claims(), alg="ES256"),
    "crit": token(SIGNER, good_claims(), crit=["exp"]),
    "b64": token(SIGNER, good_claims(), b64=False, crit=["b64"]),
    "key in the header": token(EVIL, good_claims(), kid=None, jwk=EVIL.jwk),
    "key in the header with a kid": token(EVIL, good_claims(), jwk=EVIL.jwk),
    "certificate in the header": token(EVIL, good_claims(), kid="rsa", x5c=["MIIB"]),
    "kid of a file": token(EVIL, good_claims(), kid="../../../../dev/null"),
    "kid of a query": token(EVIL, good_claims(), kid="' OR 1=1 --"),
    "kid of an address": token(EVIL, good_claims(), kid="https://evil.example/jwks.json"),
    "kid with NUL": token(EVIL, good_claims(), kid="rsa\x00"),
    "kid with a surrogate": token(EVIL, good_claims(), kid="\ud800"),
    "claims given twice": raw_token(
        b'{"alg":"RS256","kid":"rsa"}',
        json.dumps(good_claims())[:-1].encode() + b',"tenant":"globex"}',
        SIGNER.sign,
    ),
    "nested": token(SIGNER, good_claims(), cty="JWT"),
    "encrypted": b"a.b.c.d.e",
    "no JSON": raw_token(b"\xff", b"\xff", SIGNER.sign),
}
FALSE_CLAIMS: dict[str, Json] = {
    "expired": good_claims(exp=NOW_S - 10),
    "no exp": good_claims(exp=None),
    "not yet": good_claims(nbf=NOW_S + 11),
    "another audience": good_claims(aud="other"),
    "no audience": good_claims(aud=None),
    "no subject": good_claims(sub=None),
    "no tenant": good_claims(tenant=None),
    "no issuer": good_claims(iss=None),
    "issuer in a list": good_claims(iss=[ISSUER]),
    "issuer with a slash": good_claims(iss=ISSUER + "/"),
    "issuer in capitals": good_claims(iss=ISSUER.upper()),
    "issuer with a Cyrillic letter": good_claims(iss=ISSUER.replace("a", "\u0430")),
    "issuer in full width": good_claims(iss=ISSUER.replace("e", "\uff45")),
    "issuer with a soft hyphen": good_claims(iss=ISSUER + "\u00ad"),
}


class Gateway:
    """The verifier with an issuer's real server, and the time."""

    def __init__(self, server: JwksServer, **members: object) -> None:
        self.server = server
        self.clock = Clock()
        issuers = parse_issuers(issuers_text(server.url, **members))
        self.verifier = JwtVerifier(
            issuers, KeyFetcher(), now_s=lambda: NOW_S, clock_s=self.clock.seconds
        )

    async def refuses(self, sent: bytes) -> None:
        with pytest.raises(Unauthenticated) as caught:
            await self.verifier.verify(sent)
        assert str(caught.value) == NOT_VALID
        # Nothing of the token hangs on to the error.
        assert caught.value.__cause__ is caught.value.__context__ is None


def with_gateway(
    folder: Path,
    test: Callable[[Gateway], Awaitable[None]],
    *signers: Signer,
    **members: object,
) -> None:
    async def whole() -> None:
        async with serving(folder, document(*(signers or (SIGNER,)))) as server:
            gateway = Gateway(server, **members)
            try:
                await test(gateway)
            finally:
                await gateway.verifier.close()

    run(whole)


@pytest.mark.parametrize("signer", EVERY, ids=lambda signer: signer.algorithm)
def test_each_algorithm_verifies_and_only_its_own_signature(tmp_path: Path, signer: Signer) -> None:
    async def test(gateway: Gateway) -> None:
        principal = await gateway.verifier.verify(token(signer, good_claims()))
        assert principal.id == f"jwt:{ISSUER}#alice"
        for other in EVERY:
            await gateway.refuses(token(other, good_claims(), alg=signer.algorithm, kid="odd"))
            if other is not signer:
                kid = signer.jwk["kid"]
                await gateway.refuses(token(other, good_claims(), alg=signer.algorithm, kid=kid))
                await gateway.refuses(token(other, good_claims(), kid=kid))

    with_gateway(tmp_path, test, signer, algorithms=sorted(ALGORITHMS))


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forgery_is_refused(tmp_path: Path, name: str) -> None:
    async def test(gateway: Gateway) -> None:
        await gateway.refuses(FORGERIES[name])
        # The rest of the world goes on.
        assert await gateway.verifier.verify(token(SIGNER, good_claims()))

    with_gateway(tmp_path, test)


@pytest.mark.parametrize("secret", ["pem", "n", "jwk"])
@pytest.mark.parametrize("digest", ["256", "384", "512"])
def test_a_public_key_is_no_shared_secret(tmp_path: Path, secret: str, digest: str) -> None:
    public = rsa_key("rsa").public_key()
    secrets = {
        "pem": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "n": str(SIGNER.jwk["n"]).encode(),
        "jwk": json.dumps(SIGNER.jwk).encode(),
    }

    def sign(data: bytes) -> bytes:
        return hmac.new(secrets[secret], data, getattr(hashlib, f"sha{digest}")).digest()

    async def test(gateway: Gateway) -> None:
        header = {"alg": f"HS{digest}", "kid": "rsa"}
        await gateway.refuses(raw_token(json.dumps(header).encode(), good_claims(), sign))

    with_gateway(tmp_path, test, algorithms=sorted(ALGORITHMS))


@pytest.mark.parametrize("name", FALSE_CLAIMS)
def test_signed_claims_that_are_not_for_us_are_refused(tmp_path: Path, name: str) -> None:
    async def test(gateway: Gateway) -> None:
        await gateway.refuses(token(SIGNER, FALSE_CLAIMS[name]))

    with_gateway(tmp_path, test)


def test_an_alg_that_is_not_the_issuers_is_refused_before_any_key_is_fetched(
    tmp_path: Path,
) -> None:
    async def test(gateway: Gateway) -> None:
        for alg in ("none", "HS256", "ES256", "RS384", "junk"):
            await gateway.refuses(token(SIGNER, good_claims(), alg=alg))
        await gateway.refuses(token(SIGNER, good_claims(iss="https://evil.example")))
        assert not gateway.server.requests

    with_gateway(tmp_path, test)


def test_a_key_address_in_the_header_is_never_called(tmp_path: Path) -> None:
    async def test(gateway: Gateway) -> None:
        evil = gateway.server.url.replace("jwks.json", "evil.json")
        for member in ("jku", "x5u"):
            await gateway.refuses(token(EVIL, good_claims(), kid="rsa", **{member: evil}))
            # Some issuers name their own address; it does no harm.
            assert await gateway.verifier.verify(token(SIGNER, good_claims(), **{member: evil}))
        assert [request.split()[1] for request in gateway.server.requests] == [b"/jwks.json"]

    with_gateway(tmp_path, test)


@pytest.mark.parametrize("signer", EVERY, ids=lambda signer: signer.algorithm)
@pytest.mark.parametrize("fill", [b"\x00", b"\xff", b"\x01"])
def test_a_signature_of_nothing_holds_for_no_algorithm(
    tmp_path: Path, signer: Signer, fill: bytes
) -> None:
    async def test(gateway: Gateway) -> None:
        size = len(signer.sign(b""))
        signed = token(signer, good_claims()).rpartition(b".")[0]
        for length in (1, size // 2, size - 1, size, size + 1, 2 * size):
            await gateway.refuses(signed + b"." + b64(fill * length).encode())

    with_gateway(tmp_path, test, signer, algorithms=[signer.algorithm])


def test_the_keys_of_one_issuer_do_not_sign_for_another(tmp_path: Path) -> None:
    async def test(gateway: Gateway) -> None:
        async with serving(tmp_path, document(EVIL)) as other:
            told = issuers_text(gateway.server.url)[:-1] + ", "
            told += issuers_text(other.url, issuer="https://other.example", tenant="globex")[1:]
            both = JwtVerifier(parse_issuers(told), KeyFetcher(), now_s=lambda: NOW_S)
            claims = good_claims(iss="https://other.example")
            assert (await both.verify(token(EVIL, claims))).tenant == "globex"
            for sent in (token(EVIL, good_claims()), token(SIGNER, claims)):
                with pytest.raises(Unauthenticated):
                    await both.verify(sent)
            await both.close()

    with_gateway(tmp_path, test)


def test_an_issuer_that_is_down_is_503_for_its_tokens_only(tmp_path: Path) -> None:
    async def test(gateway: Gateway) -> None:
        gateway.server.raw = answer(b"", "500 Oops")
        with pytest.raises(IssuerUnavailable):
            await gateway.verifier.verify(token(SIGNER, good_claims()))
        await gateway.refuses(token(SIGNER, good_claims(iss="https://evil.example")))

    with_gateway(tmp_path, test)


def test_keys_are_fetched_before_the_first_token_comes(tmp_path: Path) -> None:
    async def test(gateway: Gateway) -> None:
        gateway.verifier.start()
        await until(lambda: bool(gateway.server.requests))
        assert await gateway.verifier.verify(token(SIGNER, good_claims()))
        assert len(gateway.server.requests) == 1

    with_gateway(tmp_path, test)


@pytest.mark.parametrize("is_fetching", [True, False])
def test_closing_leaves_nothing_running(tmp_path: Path, is_fetching: bool) -> None:
    def running() -> list[str]:
        tasks = (str(task.get_coro()) for task in asyncio.all_tasks() if not task.done())
        return [task for task in tasks if "IssuerKeys" in task]

    async def test(gateway: Gateway) -> None:
        gateway.server.may_answer.clear()
        gateway.verifier.start()
        await until(lambda: bool(gateway.server.requests))
        assert len(running()) == 2
        if not is_fetching:
            gateway.server.may_answer.set()
            await until(lambda: len(running()) == 1)
        await gateway.verifier.close()
        assert running() == []

    with_gateway(tmp_path, test)


def test_the_log_tells_why_once_a_minute_and_never_the_token(tmp_path: Path) -> None:
    async def test(gateway: Gateway) -> None:
        expired = token(SIGNER, good_claims(exp=NOW_S - 100))
        foreign = token(SIGNER, good_claims(aud="other"))
        with capture_logs() as logs:
            for sent in (expired, expired, foreign, expired, b"junk"):
                await gateway.refuses(sent)
            gateway.clock.now_s += 60
            await gateway.refuses(expired)
        told = [(log["issuer"], log["reason"]) for log in logs]
        assert told == [
            (ISSUER, "it has expired"),
            (ISSUER, "its aud does not name this gateway"),
            ("", "it has not the form of a token"),
            (ISSUER, "it has expired"),
        ]
        assert logs[1]["about"] == "'other'"
        for part in expired.decode().split("."):
            assert part not in str(logs)

    with_gateway(tmp_path, test)


def test_what_the_log_tells_of_a_token_is_bounded(tmp_path: Path) -> None:
    async def test(gateway: Gateway) -> None:
        with capture_logs() as logs:
            await gateway.refuses(token(SIGNER, good_claims(iss="\n\x1b\ud800" * 100)))
        assert len(logs[0]["about"]) == 200
        assert logs[0]["about"].isprintable()

    with_gateway(tmp_path, test)


def test_a_token_claims_to_be_one_by_its_form_alone() -> None:
    verifier = jwt_verifier(parse_issuers(issuers_text("https://id.example.com/jwks.json")))
    assert verifier is not None
    assert verifier.claims(b"a.b.c")
    assert not verifier.claims(b"ck_a_b_c")
    asyncio.run(verifier.close())


def test_without_issuers_there_is_no_verifier() -> None:
    assert jwt_verifier(()) is None


VALID = {signer.algorithm: token(signer, good_claims()) for signer in EVERY}
ANY_JSON = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=int(NOW_S), max_value=int(NOW_S) + 1000)
    | st.floats()
    | st.text()
    | st.lists(st.text() | st.integers())
    | st.dictionaries(st.text(), st.text())
    | st.sampled_from([ISSUER, "conch", "RS256", "ES256"])
)
_TOKEN_BYTES = st.sampled_from(list(b"ABCabc012-_.=+/ \x00\xff{}"))


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A valid token after a few edits: bytes changed, put in, taken out, or parts exchanged."""
    sent = bytearray(VALID[draw(st.sampled_from(sorted(VALID)))])
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(sent) - 1))
        match draw(st.sampled_from(("change", "insert", "delete", "cut", "exchange"))):
            case "change":
                sent[place] = draw(_TOKEN_BYTES)
            case "insert":
                sent.insert(place, draw(_TOKEN_BYTES))
            case "delete" if len(sent) > 1:
                del sent[place]
            case "cut" if place:
                del sent[place:]
            case _:
                other = VALID[draw(st.sampled_from(sorted(VALID)))].split(b".")
                parts = sent.split(b".")
                number = draw(st.integers(0, 2))
                if number < len(parts):
                    parts[number] = bytearray(other[number])
                sent = bytearray(b".".join(parts))
    return bytes(sent)


class FakeFetcher(KeyFetcher):
    """Keys at hand: a server for each of many hundred examples would be too slow."""

    async def fetch(self, url: str) -> bytes:
        return document(*EVERY)


@pytest.fixture(scope="module")
def verify() -> Iterator[Callable[[bytes], Principal]]:
    """Verifies tokens of all algorithms, one after the other."""
    told = issuers_text("https://id.example.com/jwks.json", algorithms=sorted(ALGORITHMS))
    with asyncio.Runner() as runner:
        verifier = JwtVerifier(parse_issuers(told), FakeFetcher(), now_s=lambda: NOW_S)
        yield lambda sent: runner.run(verifier.verify(sent))
        runner.run(verifier.close())


@given(sent=mutated())
@settings(max_examples=500, deadline=None)
def test_a_mutated_token_never_verifies_and_raises_nothing_else(
    verify: Callable[[bytes], Principal], sent: bytes
) -> None:
    if sent in VALID.values():
        assert verify(sent)
        return
    with pytest.raises(Unauthenticated):
        verify(sent)


@given(
    header=st.dictionaries(st.sampled_from(["alg", "kid", "typ", "jwk"]), ANY_JSON, max_size=2),
    claims=st.dictionaries(st.sampled_from(sorted(good_claims() | {"nbf": 0, "iat": 0})), ANY_JSON),
)
@settings(max_examples=500, deadline=None)
def test_members_of_any_kind_that_are_signed_raise_nothing_else(
    verify: Callable[[bytes], Principal], header: Json, claims: Json
) -> None:
    members = {"alg": "RS256", "kid": "RS256"} | header
    payload = json.dumps(good_claims() | claims).encode()
    sent = raw_token(json.dumps(members).encode(), payload, rsa_signer("RS256", "RS256").sign)
    try:
        verify(sent)
    except Unauthenticated:
        assert header or claims


def test_the_spare_bits_of_a_signature_are_not_free(tmp_path: Path) -> None:
    async def test(gateway: Gateway) -> None:
        sent = token(SIGNER, good_claims())
        # 256 bytes leave two bits in the last of 342 characters.
        assert sent[-1:] in b"AQgw"
        for last in b"BCDEFRSTUVWXhijklmnoxyz":
            await gateway.refuses(sent[:-1] + bytes([last]))

    with_gateway(tmp_path, test)


def test_b64_of_the_tests_is_the_standard_one() -> None:
    assert b64(b"\xff\xfe") == "__4"
