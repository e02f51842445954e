"""What a caller may do, and with which models: verbs, grants of them, and their text form.

A grant is written `VERB,VERB=PATTERN,PATTERN`: `infer,metadata=mnist_*`. Without patterns it covers
every model; `*` as the verb is every verb.
"""

import fnmatch
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.errors import InvalidInput
from gateway.shown import shown

MAX_GRANTS = 16
MAX_PATTERNS = 31
_WILDCARD = re.compile(r"[*?\[]")
_PREFIX = re.compile(r"[^*?\[]*\*")
_LETTERS = re.compile(r"[A-Za-z0-9._*?\[\]!-]{1,128}")
# `!` only where it turns a set round: no model has one in its name, nor brackets.
_PATTERN = re.compile(r"(?:[A-Za-z0-9._*?-]|\[!?[A-Za-z0-9._-]+\])+")
# What fnmatch makes of a set that runs backwards: it matches nothing.
_NOTHING = "(?!)"


class Permission(StrEnum):
    """What a path of the gateway asks of its caller."""

    INFER = "infer"
    METADATA = "metadata"
    STATS = "stats"
    CONFIG_READ = "config:read"
    REPOSITORY_INDEX = "repository:index"
    REPOSITORY_LOAD = "repository:load"
    TRACE = "trace"
    LOGGING = "logging"

    # Enum's own is a function of Python, called for each look into a set.
    __hash__ = str.__hash__


# What a key may do unless its grants say otherwise: nothing that changes the server.
CLIENT_PERMISSIONS = frozenset(
    {
        Permission.INFER,
        Permission.METADATA,
        Permission.STATS,
        Permission.CONFIG_READ,
        Permission.REPOSITORY_INDEX,
    }
)


@dataclass(frozen=True, slots=True)
class Grant:
    """These permissions on the models that one of these patterns covers."""

    permissions: frozenset[Permission]
    models: tuple[str, ...]
    # The patterns, sorted by how fast they are told: no cache holds all models of all keys.
    _exact: frozenset[str] = field(init=False, repr=False, compare=False)
    _prefixes: tuple[str, ...] = field(init=False, repr=False, compare=False)
    _globs: tuple[re.Pattern[str], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        prefixes = {pattern for pattern in self.models if _PREFIX.fullmatch(pattern)}
        exact = {pattern for pattern in self.models if not _WILDCARD.search(pattern)}
        globs = set(self.models) - prefixes - exact
        object.__setattr__(self, "_exact", frozenset(exact))
        object.__setattr__(self, "_prefixes", tuple(sorted(p[:-1] for p in prefixes)))
        compiled = tuple(re.compile(fnmatch.translate(glob)) for glob in sorted(globs))
        object.__setattr__(self, "_globs", compiled)

    def covers(self, model: str) -> bool:
        """Whether one of the patterns matches the whole name; case matters."""
        return (
            model in self._exact
            or model.startswith(self._prefixes)
            or any(glob.fullmatch(model) for glob in self._globs)
        )

    def __str__(self) -> str:
        verbs = (
            "*" if self.permissions == frozenset(Permission) else ",".join(sorted(self.permissions))
        )
        return f"{verbs}={','.join(self.models)}"


Grants = tuple[Grant, ...]


def client_grants(models: Iterable[str]) -> Grants:
    """The usual grants: what clients do, on models of these patterns."""
    return (Grant(CLIENT_PERMISSIONS, check_patterns(tuple(models))),)


def parse_grant(text: str) -> Grant:
    """`parse_grant("infer,config:read=mnist_*")`; raises InvalidInput."""
    grant = read_grant(text)
    if grant.permissions == {Permission.LOGGING} and "*" not in grant.models:
        raise InvalidInput(f"{text!r} would allow nothing: logging is the server's; write logging")
    check_patterns(grant.models)
    return grant


def read_grant(text: str) -> Grant:
    """A grant of the records: also one whose patterns an older version took and this one refuses.

    Raises InvalidInput for a verb that is none.
    """
    verbs, equals, patterns = text.partition("=")
    return Grant(_parse_verbs(verbs), tuple(patterns.split(",")) if equals else ("*",))


def parse_grants(texts: Iterable[str]) -> Grants:
    """All grants of a key; raises InvalidInput."""
    grants = tuple(map(parse_grant, texts))
    if not 1 <= len(grants) <= MAX_GRANTS:
        raise InvalidInput(f"{len(grants)} grants; give 1 to {MAX_GRANTS}")
    return grants


def check_patterns(patterns: tuple[str, ...]) -> tuple[str, ...]:
    """The patterns themselves; raises InvalidInput for one that no model's name could match."""
    if not 1 <= len(patterns) <= MAX_PATTERNS:
        raise InvalidInput(f"{len(patterns)} model patterns; give 1 to {MAX_PATTERNS}, '*' for all")
    for pattern in patterns:
        check_pattern(pattern)
    return patterns


def check_pattern(pattern: str) -> str:
    """The pattern itself; raises InvalidInput for one that no model's name could match."""
    if not _LETTERS.fullmatch(pattern):
        raise InvalidInput(
            f"model pattern {shown(pattern)} is not 1 to 128 ASCII letters, digits, '.', '_', '-' "
            "and the wildcards *, ?, [...]; an example: mnist_*"
        )
    if not _PATTERN.fullmatch(pattern) or _NOTHING in fnmatch.translate(pattern):
        raise InvalidInput(
            f"model pattern {shown(pattern)} matches no model's name: a set in brackets is empty, "
            "not closed or backwards, or a '!' is outside of one; write [a-c] for one of these "
            "letters, [!a-c] for any other, ? for any one, * for any number"
        )
    return pattern


def may(grants: Grants, permission: Permission, model: str) -> bool:
    """Whether one of the grants gives the permission on this model."""
    # Mostly there is one, and it does.
    if grants and permission in grants[0].permissions and grants[0].covers(model):
        return True
    return any(permission in grant.permissions and grant.covers(model) for grant in grants[1:])


def may_everywhere(grants: Grants, permission: Permission) -> bool:
    """Whether one of the grants gives the permission on every model, so on the server itself."""
    return any(permission in grant.permissions and "*" in grant.models for grant in grants)


def may_somewhere(grants: Grants, permission: Permission) -> bool:
    """Whether one of the grants gives the permission on any model."""
    return any(permission in grant.permissions for grant in grants)


def may_see(grants: Grants, model: str) -> bool:
    """Whether the caller may know that the model exists: any permission on it will do."""
    return any(grant.covers(model) for grant in grants)


def _parse_verbs(text: str) -> frozenset[Permission]:
    if text == "*":
        return frozenset(Permission)
    try:
        return frozenset(map(Permission, text.split(",")))
    except ValueError as error:
        known = ", ".join(Permission)
        raise InvalidInput(f"{error} to grant; known are {known}, and * for all") from error
