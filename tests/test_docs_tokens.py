"""The examples of docs/tokens.md are settings and claims that mean what the page says."""

import json
import re
import shlex
from pathlib import Path

import pytest

from gateway.data.tokens.claims import principal_of
from gateway.data.tokens.form import MAX_TOKEN_BYTES
from gateway.jwt_issuers import ALGORITHMS, MEMBERS, JwtIssuer
from gateway.permissions import Permission
from gateway.rates import Rate
from gateway.settings import GatewaySettings, load_settings

PAGE = (Path(__file__).parent.parent / "docs" / "tokens.md").read_text(encoding="utf-8")
NOW_S = 1_800_000_000


def example(language: str) -> str:
    (text,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    return str(text)


@pytest.fixture
def of_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> JwtIssuer:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conch.toml").write_text(example("toml"))
    (issuer,) = load_settings(GatewaySettings).token_issuers
    return issuer


def test_the_claims_of_the_page_stand_for_what_it_says(of_table: JwtIssuer) -> None:
    principal = principal_of(of_table, json.loads(example("json")), NOW_S)
    (grant,) = principal.grants
    (limit,) = principal.limits
    assert isinstance(limit.measure, Rate)
    rows = {
        "id": f"`{principal.id}`",
        "tenant": f"`{principal.tenant}`",
        "grants": f"`{grant}`",
        "limit": f"`{limit.measure}`, burst {limit.measure.burst}",
    }
    for name, value in rows.items():
        assert f"| {name} | {value} |" in PAGE


def test_the_example_for_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    name, _, value = shlex.split(example("sh"))[0].partition("=")
    monkeypatch.setenv(name, value)
    (issuer,) = load_settings(GatewaySettings).token_issuers
    assert issuer.tenant == "cluster"


@pytest.mark.parametrize("word", [*MEMBERS, *ALGORITHMS, *Permission])
def test_every_member_algorithm_and_permission_is_on_the_page(word: str) -> None:
    assert f"`{word}`" in PAGE or f"`{word} =" in PAGE


def test_the_figures_of_the_page_are_those_of_the_code() -> None:
    from gateway.data.tokens import claims, fetch, issuer_keys

    assert (issuer_keys.REFRESH_S, issuer_keys.COOLDOWN_S, issuer_keys.RETRY_S) == (300, 30, 10)
    assert (issuer_keys.STALE_S, claims.TRUST_S, fetch.TIMEOUT_S) == (24 * 3600, 60, 5)
    assert (fetch.MAX_DOCUMENT_BYTES, MAX_TOKEN_BYTES) == (256 * 1024, 8 * 1024)
