"""Issuers as an operator writes them down, and one clear line on what is wrong."""

import json

import pytest

from gateway.errors import InvalidInput
from gateway.jwt_issuers import (
    ALGORITHMS,
    EXAMPLE,
    MAX_ISSUERS,
    MEMBERS,
    Claim,
    JwtIssuer,
    parse_issuers,
)
from gateway.permissions import Permission
from gateway.rates import Rate

GOOD: dict[str, object] = {
    "issuer": "https://id.example.com",
    "jwks_url": "https://id.example.com/jwks.json",
    "audience": "conch",
}


def parse(**members: object) -> JwtIssuer:
    (issuer,) = parse_issuers(json.dumps([GOOD | members]))
    return issuer


def test_the_example_is_an_issuer_with_the_usual_claims() -> None:
    assert parse_issuers(EXAMPLE) == (
        JwtIssuer(
            issuer="https://id.example.com",
            jwks_url="https://id.example.com/jwks.json",
            audience="conch",
            algorithms=frozenset({"RS256"}),
            leeway_s=10,
            tenant=Claim("tenant"),
            permissions=Claim("scope"),
            permission_prefix="",
            models=("*",),
            limit=None,
        ),
    )


@pytest.mark.parametrize("text", ["", "[]"])
def test_there_may_be_none(text: str) -> None:
    assert parse_issuers(text) == ()


def test_values_may_be_fixed() -> None:
    issuer = parse(
        tenant="acme",
        permissions=["infer"],
        models=["m*"],
        limit={"rate": "5/s", "burst": 9},
        leeway_s=0.5,
        algorithms=["ES256", "EdDSA"],
    )
    assert (issuer.tenant, issuer.models) == ("acme", ("m*",))
    assert issuer.permissions == frozenset({Permission.INFER})
    assert issuer.limit == Rate(5, 1, 9)
    assert (issuer.leeway_s, issuer.algorithms) == (0.5, {"ES256", "EdDSA"})


def test_values_may_be_in_other_claims() -> None:
    issuer = parse(
        tenant_claim="org",
        permissions_claim="roles",
        permission_prefix="conch:",
        models_claim="models",
        limit_claim="limit",
    )
    assert (issuer.tenant, issuer.permissions) == (Claim("org"), Claim("roles"))
    assert (issuer.models, issuer.limit) == (Claim("models"), Claim("limit"))
    assert issuer.permission_prefix == "conch:"


@pytest.mark.parametrize(
    "url",
    [
        "https://id.example.com/a/jwks.json?x=1",
        "https://id.example.com:8443/jwks",
        "http://127.0.0.1:9/jwks",
        "http://localhost/jwks",
        "http://[::1]:9/jwks",
    ],
)
def test_addresses_that_keys_may_come_from(url: str) -> None:
    assert parse(jwks_url=url).jwks_url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://id.example.com/jwks",
        "http://127.0.0.1.example.com/jwks",
        "http://localhost.example.com/jwks",
        "http://10.0.0.1/jwks",
        "file:///etc/passwd",
        "id.example.com",
        "https://",
        "https://:443/",
        "https://user:secret@id.example.com/",
        "https://id.example.com:http/",
        "https://[::1/",
    ],
)
def test_addresses_that_keys_must_not_come_from(url: str) -> None:
    with pytest.raises(InvalidInput, match="is not an https address"):
        parse(jwks_url=url)


@pytest.mark.parametrize(
    "names", [["none"], ["HS256"], ["RS256", "HS512"], ["rs256"], [], "none", "ES256K", ["Ed448"]]
)
def test_algorithms_without_a_public_key_are_never_taken(names: object) -> None:
    with pytest.raises(InvalidInput, match="without signature or with a shared secret"):
        parse(algorithms=names)


def test_every_algorithm_is_one_that_the_library_has() -> None:
    from joserfc.jws import JWSRegistry

    assert {JWSRegistry.algorithms[name].key_type for name in ALGORITHMS} == {"RSA", "EC", "OKP"}
    for name, kind in ALGORITHMS.items():
        assert JWSRegistry.algorithms[name].key_type == kind.kty


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"issuer": None}, "issuer 1: issuer is missing"),
        ({"audience": None}, "audience is missing"),
        ({"jwks_url": None}, "jwks_url is missing"),
        ({"audience": ["conch"]}, "audience .* is not 1 to 256 ASCII"),
        ({"issuer": "https://a#b"}, "issuer 'https://a#b' is not 1 to 256 ASCII"),
        ({"issuer": "https://\u0430"}, "issuer .* is not 1 to 256 ASCII"),
        ({"issuer": "a" * 257}, "issuer .* is not 1 to 256 ASCII"),
        ({"audiences": "x"}, "'audiences' is no member of an issuer; did you mean audience"),
        ({"zzz": "x"}, "'zzz' is no member of an issuer; known are issuer, "),
        ({"tenant": "acme", "tenant_claim": "org"}, "both tenant and tenant_claim"),
        ({"limit": "1/s", "limit_claim": "limit"}, "both limit and limit_claim"),
        ({"tenant": "a b"}, "tenant 'a b' is not a name"),
        ({"tenant_claim": ""}, "tenant_claim '' is not 1 to 256"),
        ({"permissions": ["infers"]}, r"permissions \['infers'\] are not one or more of infer, "),
        ({"permissions": []}, "permissions .* are not one or more of"),
        ({"permissions": ["infer"], "permission_prefix": "x:"}, "leave it or permissions out"),
        ({"models": []}, "0 model patterns"),
        ({"models": ["a/b"]}, "model pattern 'a/b' is not"),
        ({"limit": "fast"}, "rate 'fast' is not"),
        ({"leeway_s": 61}, "leeway_s 61 is not a number from 0 to 60"),
        ({"leeway_s": -1}, "leeway_s -1 is not a number from 0 to 60"),
        ({"leeway_s": True}, "leeway_s True is not a number"),
        ({"leeway_s": "10"}, "leeway_s '10' is not a number"),
    ],
)
def test_a_wrong_value_is_named(members: dict[str, object], reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason) as caught:
        parse(**members)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("https://id.example.com", "it is not JSON"),
        ('[{"issuer": "a", "issuer": "b"}]', "it is not JSON .*given twice"),
        ("{}", "it is not a list"),
        ('["https://id.example.com"]', "issuer 1: .* is not an object with the members issuer,"),
        (json.dumps([GOOD] * (MAX_ISSUERS + 1)), "at most 32 issuers"),
        (json.dumps([GOOD, GOOD]), "'https://id.example.com' is there twice"),
    ],
)
def test_a_wrong_list_is_explained(text: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        parse_issuers(text)


def test_the_second_issuer_is_named_by_its_number() -> None:
    with pytest.raises(InvalidInput, match="issuer 2: audience is missing"):
        parse_issuers(json.dumps([GOOD, {"issuer": "b", "jwks_url": GOOD["jwks_url"]}]))


def test_every_member_sets_something() -> None:
    assert {name.removesuffix("_claim") for name in MEMBERS} == set(JwtIssuer.__dataclass_fields__)
