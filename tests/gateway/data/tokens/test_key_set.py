"""Which keys of a document are used, and for what."""

import json

import pytest

from gateway.data.tokens.faults import KeysUnreadable, Refused
from gateway.data.tokens.key_set import MAX_KEYS, KeySet, parse_key_set
from gateway.jwt_issuers import ALGORITHMS
from tests.gateway.data.tokens.signing import (
    Json,
    Signer,
    document,
    ec_signer,
    ed_signer,
    number,
    rsa_jwk,
    rsa_signer,
)


def parse(*keys: Json) -> KeySet:
    return parse_key_set(json.dumps({"keys": keys}).encode(), tuple(ALGORITHMS))


@pytest.mark.parametrize(
    ("signer", "other"),
    [
        (rsa_signer(), "ES256"),
        (ec_signer(), "ES384"),
        (ec_signer("p521", "ES512"), "ES256"),
        (ed_signer(), "RS256"),
    ],
)
def test_a_key_is_for_the_algorithms_of_its_kind(signer: Signer, other: str) -> None:
    keys = parse_key_set(document(signer), tuple(ALGORITHMS))
    assert keys.find(str(signer.jwk["kid"]), signer.algorithm) is not None
    with pytest.raises(Refused, match="for another alg"):
        keys.find(str(signer.jwk["kid"]), other)


def test_a_key_with_an_alg_is_for_that_one_only() -> None:
    keys = parse(rsa_jwk("a") | {"alg": "RS512"})
    assert keys.find("a", "RS512") is not None
    with pytest.raises(Refused, match="for another alg"):
        keys.find("a", "RS256")


def test_algorithms_that_the_operator_did_not_name_have_no_key() -> None:
    keys = parse_key_set(document(rsa_signer(), ec_signer()), ["ES256"])
    assert keys.find("ec", "ES256") is not None
    assert keys.find("rsa", "RS256") is None


@pytest.mark.parametrize(
    "change",
    [
        {"use": "enc"},
        {"key_ops": ["sign"]},
        {"key_ops": "verify"},
        {"kty": "oct", "k": "c2VjcmV0"},
        {"kty": 1},
        {"alg": "HS256"},
        {"alg": "none"},
        {"alg": ["RS256"]},
        {"kid": 7},
        {"d": "AQAB"},
        {"n": "AQAB"},
        {"n": "A" * 1367},
        {"n": "=" * 342},
        {"n": None},
        {"e": "Ag"},
        {"e": 3},
        {"crv": "P-256"},
    ],
)
def test_a_key_that_is_not_for_verifying_is_passed_over(change: Json) -> None:
    keys = parse(rsa_jwk("odd") | change, rsa_jwk("good"))
    assert keys.find("good", "RS256") is not None
    assert keys.find("odd", "RS256") is None
    # It is not counted where a token has no kid, either.
    assert keys.find(None, "RS256") is keys.find("good", "RS256")


@pytest.mark.parametrize("bits", [1024, 2016, 8208, 16384])
def test_a_key_that_is_too_weak_or_too_costly_is_passed_over(bits: int) -> None:
    modulus = number((1 << bits - 1) + 1, bits // 8)
    keys = parse(rsa_jwk("odd") | {"n": modulus}, rsa_jwk("good"))
    assert keys.find("odd", "RS256") is None


@pytest.mark.parametrize("bits", [2048, 8192])
def test_keys_of_the_least_and_the_largest_size_are_used(bits: int) -> None:
    modulus = number((1 << bits - 1) + 1, bits // 8)
    assert parse(rsa_jwk("a") | {"n": modulus}).find("a", "RS256") is not None


@pytest.mark.parametrize("change", [{"x": "AA"}, {"crv": "secp256k1"}, {"crv": "P-384"}, {"y": ""}])
def test_a_point_off_its_curve_is_passed_over(change: Json) -> None:
    keys = parse(ec_signer().jwk | change, rsa_jwk("good"))
    assert keys.find("ec", "ES256") is None


@pytest.mark.parametrize("change", [{"x": "AA"}, {"crv": "X25519"}, {"crv": "Ed448"}])
def test_another_edwards_curve_is_passed_over(change: Json) -> None:
    keys = parse(ed_signer().jwk | change, rsa_jwk("good"))
    assert keys.find("ed", "EdDSA") is None


def test_without_a_kid_the_one_key_of_the_kind_is_meant() -> None:
    nameless = {name: value for name, value in rsa_jwk("a").items() if name != "kid"}
    keys = parse(nameless, ec_signer().jwk)
    assert keys.find(None, "RS256") is not None
    # A kid names a key; one without a name is not it.
    assert keys.find("a", "RS256") is None


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_without_a_kid_nothing_is_guessed(algorithm: str) -> None:
    keys = parse(rsa_jwk("a"), rsa_jwk("b"))
    with pytest.raises(Refused, match="no kid"):
        keys.find(None, algorithm)


def test_two_keys_with_one_kid_are_refused() -> None:
    with pytest.raises(KeysUnreadable, match="same kid"):
        parse(rsa_jwk("a"), ec_signer().jwk | {"kid": "a"})


def test_a_key_for_encryption_may_have_the_kid_of_another() -> None:
    keys = parse(rsa_jwk("a"), rsa_jwk("b") | {"kid": "a", "use": "enc"})
    assert keys.find("a", "RS256") is not None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "not JSON"),
        (b"<html>", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[]", "list `keys`"),
        (b'{"keys": {}}', "list `keys`"),
        (b'{"keys": [], "keys": []}', "given twice"),
        (b'{"keys": []}', "no key for"),
        (b'{"keys": [1, null, {}]}', "no key for"),
        (b'{"keys": [%b0]}' % (b"0," * MAX_KEYS), "101 keys in it; the limit is 100"),
    ],
)
def test_what_is_no_set_of_keys_is_refused(text: bytes, reason: str) -> None:
    with pytest.raises(KeysUnreadable, match=reason):
        parse_key_set(text, ["RS256"])
