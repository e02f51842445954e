"""Grants: who may do what with which model, and how they are written."""

import pytest

from gateway.errors import InvalidInput
from gateway.permissions import (
    CLIENT_PERMISSIONS,
    MAX_GRANTS,
    Grant,
    Permission,
    check_pattern,
    client_grants,
    may,
    may_everywhere,
    may_see,
    may_somewhere,
    parse_grant,
    parse_grants,
    read_grant,
)


@pytest.mark.parametrize(
    ("patterns", "model", "allowed"),
    [
        (("*",), "anything", True),
        (("mnist_*",), "mnist_cnn", True),
        (("mnist_*",), "resnet", False),
        (("a", "b?"), "bc", True),
        (("a", "b?"), "ab", False),
        (("m[12]",), "m2", True),
        (("m",), "M", False),
        (("a*c",), "abc", True),
        (("a*c",), "abcd", False),
        (("*a",), "ba", True),
        (("x", "a?c", "b*"), "bzz", True),
        (("a**",), "ab", True),
    ],
)
def test_patterns_decide_on_models(patterns: tuple[str, ...], model: str, allowed: bool) -> None:
    assert Grant(CLIENT_PERMISSIONS, patterns).covers(model) is allowed


def test_a_permission_counts_on_the_models_of_its_own_grant_only() -> None:
    grants = (parse_grant("infer=a*"), parse_grant("stats=b"))
    assert may(grants, Permission.INFER, "a1") and may(grants, Permission.STATS, "b")
    assert not may(grants, Permission.STATS, "a1") and not may(grants, Permission.INFER, "b")


def test_any_permission_on_a_model_lets_it_be_seen() -> None:
    grants = (parse_grant("stats=b"),)
    assert may_see(grants, "b") and not may_see(grants, "c")


def test_the_server_itself_needs_a_grant_on_every_model() -> None:
    assert may_everywhere((parse_grant("trace"),), Permission.TRACE)
    assert not may_everywhere((parse_grant("trace=a*"),), Permission.TRACE)
    assert may_somewhere((parse_grant("trace=a*"),), Permission.TRACE)


@pytest.mark.parametrize("text", ["infer=a,b*", "*=*", "config:read,infer=m[12]"])
def test_a_grant_is_written_as_it_is_read(text: str) -> None:
    assert str(parse_grant(text)) == text


def test_a_client_can_change_nothing_of_the_server() -> None:
    grants = client_grants("*")
    for permission in (Permission.REPOSITORY_LOAD, Permission.TRACE, Permission.LOGGING):
        assert not may_somewhere(grants, permission)


@pytest.mark.parametrize("text", ["", "read=*", "infer=", "infer=a b", "infer=%", "logging=a*"])
def test_a_grant_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_grant(text)


def test_a_key_has_at_least_one_grant_and_not_too_many() -> None:
    assert parse_grants(["infer=a", "stats"]) == (parse_grant("infer=a"), parse_grant("stats"))
    for count in (0, MAX_GRANTS + 1):
        with pytest.raises(InvalidInput, match=f"{count} grants"):
            parse_grants(["infer"] * count)


@pytest.mark.parametrize("pattern", ["[a-", "[]", "[!]", "a[", "a]", "[z-a]", "!a", "[*]", "[[a]"])
def test_a_pattern_that_matches_no_name_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidInput, match=r"matches no model's name.*write \[a-c\]"):
        check_pattern(pattern)
    with pytest.raises(InvalidInput, match="matches no model's name"):
        parse_grant(f"infer={pattern}")


@pytest.mark.parametrize("pattern", ["*", "m[12]", "[!a-c]?", "[a-cx]*", "a-b", "[-a]", "[a-]"])
def test_a_pattern_that_can_match_is_taken(pattern: str) -> None:
    assert check_pattern(pattern) == pattern


def test_a_grant_that_an_older_version_recorded_is_read_on() -> None:
    grant = read_grant("infer=[a-,mnist_*")
    assert str(grant) == "infer=[a-,mnist_*" and grant.covers("mnist_cnn")
