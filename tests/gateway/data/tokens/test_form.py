"""What has the form of a token, and what of it is read."""

import json

import pytest

from gateway import keys
from gateway.data.tokens.faults import Refused
from gateway.data.tokens.form import MAX_TOKEN_BYTES, has_form, parse
from tests.gateway.data.tokens.signing import b64, good_claims, raw_token, rsa_signer, token

SIGNER = rsa_signer()
HEADER = b'{"alg":"RS256"}'


def unsigned(header: bytes, payload: bytes = b"{}") -> bytes:
    return raw_token(header, payload, lambda _: b"signature")


def test_a_token_is_taken_apart() -> None:
    whole = token(SIGNER, good_claims())
    parts = parse(whole)
    assert (parts.algorithm, parts.kid) == ("RS256", "rsa")
    assert parts.claims == good_claims()
    assert whole.startswith(parts.signed + b".")
    assert SIGNER.sign(parts.signed) == parts.signature


@pytest.mark.parametrize(
    "junk",
    [
        b"",
        b"a.b",
        b"a.b.c.d",
        b"a.b.c.d.e",
        b"a..c",
        b"a.b.",
        b".b.c",
        b"a.b.c\n",
        b"a.b.c ",
        b"a.b.c=",
        b"a.b.c+",
        b"a.b/.c",
        b"a.b.\xff",
        pytest.param(keys.generate().token.encode(), id="key"),
        b"ck_a.b.c",
        b"a.b." + b"c" * (MAX_TOKEN_BYTES - 3),
    ],
)
def test_what_has_not_the_form_is_not_decoded(junk: bytes) -> None:
    assert not has_form(junk)
    with pytest.raises(Refused, match="form of a token"):
        parse(junk)


def test_the_largest_token_has_the_form() -> None:
    assert has_form(b"a.b." + b"c" * (MAX_TOKEN_BYTES - 4))


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("crit", ["exp"]),
        ("crit", []),
        ("b64", False),
        ("b64", True),
        ("cty", "JWT"),
        ("enc", "A256GCM"),
        ("zip", "DEF"),
    ],
)
def test_members_that_change_the_meaning_are_refused(member: str, value: object) -> None:
    with pytest.raises(Refused, match=f"the member {member}"):
        parse(token(SIGNER, good_claims(), **{member: value}))


@pytest.mark.parametrize("kind", [None, "JWT", "jwt", "at+jwt", "application/at+jwt"])
def test_types_of_tokens_that_are_taken(kind: object) -> None:
    assert parse(token(SIGNER, good_claims(), typ=kind)).kid == "rsa"


@pytest.mark.parametrize("kind", ["", "JWE", "dpop+jwt", "logout+jwt", 1, ["JWT"]])
def test_other_types_are_refused(kind: object) -> None:
    with pytest.raises(Refused, match="typ"):
        parse(token(SIGNER, good_claims(), typ=kind))


@pytest.mark.parametrize("algorithm", [None, 1, ["RS256"], {}])
def test_an_alg_is_a_text(algorithm: object) -> None:
    with pytest.raises(Refused, match="alg is not a text"):
        parse(token(SIGNER, good_claims(), alg=algorithm))


@pytest.mark.parametrize("kid", ["", 1, ["a"], "k" * 257])
def test_a_kid_is_a_text_of_bounded_length(kid: object) -> None:
    with pytest.raises(Refused, match="kid"):
        parse(token(SIGNER, good_claims(), kid=kid))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"1",
        b'"a"',
        b"null",
        b"{",
        b"{} {}",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"sub": "a", "sub": "b"}',
        b'{"a": {"b": 1, "b": 1}}',
        b"\xef\xbb\xbf{}",
        b'{"a": "\xff"}',
        "{}".encode("utf-16"),
        b"[" * 5000,
        b'{"a": ' + b"9" * 5000 + b"}",
    ],
)
def test_json_that_can_be_read_in_two_ways_is_refused(text: bytes) -> None:
    with pytest.raises(Refused, match="its payload"):
        parse(unsigned(HEADER, text or b" "))
    with pytest.raises(Refused, match="its header"):
        parse(unsigned(text or b" "))


def test_base64_has_one_spelling() -> None:
    assert parse(unsigned(HEADER, b"{}")).claims == {}
    # The last character of the payload, "e30", has two bits to spare.
    assert b64(b"{}") == "e30"
    with pytest.raises(Refused, match=r"not JSON|base64url"):
        parse(unsigned(HEADER, b"{}").replace(b".e30.", b".e31."))
    with pytest.raises(Refused, match="not base64url"):
        parse(unsigned(HEADER).rpartition(b".")[0] + b".AAAAA")


def test_keys_and_addresses_in_the_header_are_not_read() -> None:
    parts = parse(token(SIGNER, good_claims(), jwk=SIGNER.jwk, jku="https://evil.example"))
    assert "evil" not in json.dumps([parts.algorithm, parts.kid, parts.claims])
