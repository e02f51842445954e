"""Claims of a token whose signature holds: when it is valid, and whom it stands for."""

import math
from collections.abc import Mapping
from types import MappingProxyType

import pytest

from gateway.data.auth import Principal
from gateway.data.tokens.claims import MAX_LIFETIME_S, MAX_SECONDS, principal_of
from gateway.data.tokens.faults import Refused
from gateway.jwt_issuers import parse_issuers
from gateway.permissions import Grant, Permission
from gateway.rates import Rate
from tests.gateway.data.tokens.signing import ISSUER, NOW_S, good_claims, issuers_text

URL = "https://id.example.com/jwks.json"
LEEWAY_S = 10


def principal(
    members: Mapping[str, object] = MappingProxyType({}), /, **changes: object
) -> Principal:
    (issuer,) = parse_issuers(issuers_text(URL, **members))
    return principal_of(issuer, good_claims(**changes), NOW_S)


def test_claims_map_to_a_principal() -> None:
    assert principal() == Principal(
        id=f"jwt:{ISSUER}#alice",
        tenant="acme",
        grants=(Grant(frozenset({Permission.INFER, Permission.METADATA}), ("*",)),),
        calm_until_s=NOW_S + 60,
    )


@pytest.mark.parametrize(
    ("exp", "until_s"),
    [
        (NOW_S + 600, NOW_S + 60),
        (NOW_S + 20, NOW_S + 20 + LEEWAY_S),
        (NOW_S + 0.5, NOW_S + 0.5 + LEEWAY_S),
        # Within the leeway to the last moment.
        (NOW_S - LEEWAY_S + 1, NOW_S + 1),
        (NOW_S + MAX_LIFETIME_S, NOW_S + 60),
    ],
)
def test_a_principal_is_good_until_its_token_expires_and_a_minute_at_most(
    exp: float, until_s: float
) -> None:
    assert principal(exp=exp).calm_until_s == until_s


@pytest.mark.parametrize("exp", [NOW_S - LEEWAY_S, NOW_S - LEEWAY_S - 1, 0, 0.0])
def test_an_expired_token_is_refused_from_the_very_second_on(exp: float) -> None:
    with pytest.raises(Refused, match="has expired"):
        principal(exp=exp)


@pytest.mark.parametrize("exp", [NOW_S + MAX_LIFETIME_S + 1, MAX_SECONDS])
def test_an_exp_that_is_too_far_ahead_is_refused(exp: float) -> None:
    with pytest.raises(Refused, match="more than a year ahead"):
        principal(exp=exp)


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize(
    "value",
    [
        *(True, False, "1900000000", [], {}, -1, -0.5, -(10**400)),
        # Milliseconds, and what comes of 1e400.
        *(NOW_S * 1000, MAX_SECONDS + 1, 10**400, 1e300, math.inf),
    ],
    ids=lambda value: str(value)[:20],
)
def test_times_are_numbers_of_seconds(name: str, value: object) -> None:
    with pytest.raises(Refused, match=f"its {name} is not a number of seconds"):
        principal(**{name: value})


def test_null_is_no_time() -> None:
    (issuer,) = parse_issuers(issuers_text(URL))
    for name in ("exp", "nbf", "iat"):
        with pytest.raises(Refused, match=f"its {name} is not a number of seconds"):
            principal_of(issuer, good_claims() | {name: None}, NOW_S)


def test_a_token_without_exp_is_refused() -> None:
    with pytest.raises(Refused, match="no exp"):
        principal(exp=None)


@pytest.mark.parametrize("name", ["nbf", "iat"])
def test_a_token_is_not_valid_before_its_time(name: str) -> None:
    principal(**{name: NOW_S + LEEWAY_S})
    with pytest.raises(Refused, match=f"its {name} lies in the future"):
        principal(**{name: NOW_S + LEEWAY_S + 0.5})


def test_the_leeway_is_the_issuers() -> None:
    principal({"leeway_s": 30}, exp=NOW_S - 29)
    with pytest.raises(Refused, match="expired"):
        principal({"leeway_s": 0}, exp=NOW_S)


@pytest.mark.parametrize("audience", ["conch", ["conch"], ["other", "conch"]])
def test_an_audience_names_the_gateway(audience: object) -> None:
    principal(aud=audience)


@pytest.mark.parametrize(
    "audience",
    [None, "", "Conch", "conch ", "conchX", [], ["other"], [["conch"]], {"conch": 1}, ["conch", 1]],
)
def test_another_audience_is_refused(audience: object) -> None:
    with pytest.raises(Refused, match="aud does not name"):
        principal(aud=audience)


@pytest.mark.parametrize(
    "subject", [None, "", 7, ["alice"], "a" * 256, "al\nice", "al\x00ice", "älice", "\ud800"]
)
def test_a_subject_that_is_no_name_is_refused(subject: object) -> None:
    with pytest.raises(Refused, match="its sub is not"):
        principal(sub=subject)


def test_the_id_of_a_principal_is_bounded() -> None:
    assert len(principal(sub="a" * 255).id) == len(f"jwt:{ISSUER}#") + 255


@pytest.mark.parametrize("tenant", [None, "", "a b", "../etc", "a" * 65, 7, ["acme"], "acmé"])
def test_a_tenant_that_cannot_be_called_so_is_refused(tenant: object) -> None:
    with pytest.raises(Refused, match="does not map"):
        principal(tenant=tenant)


@pytest.mark.parametrize(
    ("scope", "permissions"),
    [
        ("infer", {"infer"}),
        ("openid profile config:read repository:load", {"config:read", "repository:load"}),
        (["infer", "stats"], {"infer", "stats"}),
        ("  infer   stats ", {"infer", "stats"}),
        ("", set()),
        ("INFER * all infer,stats", set()),
        ([], set()),
    ],
)
def test_words_of_the_scope_are_permissions_by_name(scope: object, permissions: set[str]) -> None:
    (grant,) = principal(scope=scope).grants
    assert grant.permissions == permissions


def test_a_prefix_tells_our_words_from_others() -> None:
    (grant,) = principal({"permission_prefix": "conch:"}, scope="trace conch:infer").grants
    assert grant.permissions == {"infer"}


@pytest.mark.parametrize("scope", [None, 7, {"infer": True}, ["infer", 1]])
def test_a_scope_that_is_no_list_of_words_is_refused(scope: object) -> None:
    with pytest.raises(Refused, match="does not map"):
        principal(scope=scope)


def test_other_claims_may_hold_the_values() -> None:
    members = {
        "tenant_claim": "https://example.com/org",
        "permissions_claim": "roles",
        "models_claim": "models",
        "limit_claim": "limit",
    }
    claims = {
        "https://example.com/org": "globex",
        "roles": ["infer"],
        "models": "mnist_* resnet",
        "limit": {"rate": "100/s", "burst": 200},
        # The usual places count no more.
        "tenant": "acme",
        "scope": "repository:load",
    }
    found = principal(members, **claims)
    assert found.tenant == "globex"
    assert found.grants == (Grant(frozenset({Permission.INFER}), ("mnist_*", "resnet")),)
    (limit,) = found.limits
    assert (limit.principal, limit.models, limit.measure) == (found.id, "*", Rate(100, 1, 200))


def test_values_may_be_the_same_for_every_token_of_an_issuer() -> None:
    members: dict[str, object] = {"tenant": "globex", "permissions": ["infer"]}
    members |= {"models": ["mnist_*"], "limit": "5/m"}
    found = principal(members, tenant="acme", scope="repository:load", models="*", limit="9/s")
    assert found.tenant == "globex"
    assert found.grants == (Grant(frozenset({Permission.INFER}), ("mnist_*",)),)
    assert [limit.measure for limit in found.limits] == [Rate(5, 60, 5)]


@pytest.mark.parametrize(
    "limit",
    [None, "100", "100/d", 100, {"rate": 100}, {"burst": 1}, {"rate": "1/s", "burst": True}],
)
def test_a_limit_that_is_missing_or_wrong_is_never_no_limit(limit: object) -> None:
    with pytest.raises(Refused, match="does not map"):
        principal({"limit_claim": "limit"}, limit=limit)


@pytest.mark.parametrize("models", [None, "", [], "a/b", ["a b"], [1], "m " * 32])
def test_models_that_are_missing_or_wrong_are_never_all_models(models: object) -> None:
    with pytest.raises(Refused, match="does not map"):
        principal({"models_claim": "models"}, models=models)
