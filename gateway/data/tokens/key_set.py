"""The keys of an issuer, read from its JSON Web Key Set; each has its own algorithms."""

from collections.abc import Collection
from dataclasses import dataclass

from joserfc.errors import JoseError
from joserfc.jwk import Key, import_key

from gateway.data.tokens.faults import KeysUnreadable, Refused
from gateway.jwt_issuers import ALGORITHMS, KeyKind
from gateway.strict_json import parse_strict

MAX_KEYS = 100
# Bounds of the modulus in base64url: 2048 and 8192 bits. Less is weak, more costs milliseconds.
MIN_MODULUS, MAX_MODULUS = 342, 1366
_MEMBERS = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """One public key and what it may verify."""

    kid: str | None
    key: Key
    algorithms: frozenset[str]


class KeySet:
    """Usable keys of an issuer; no two have the same kid."""

    def __init__(self, keys: tuple[VerifyingKey, ...]) -> None:
        self._keys = keys
        self._by_kid = {key.kid: key for key in keys if key.kid is not None}

    def find(self, kid: str | None, algorithm: str) -> Key | None:
        """The key that may verify this, None if the kid is unknown; raises Refused."""
        if kid is None:
            return self._only(algorithm)
        named = self._by_kid.get(kid)
        if named is None:
            return None
        if algorithm not in named.algorithms:
            raise Refused("the key that its kid names is for another alg", algorithm)
        return named.key

    def _only(self, algorithm: str) -> Key:
        keys = [key.key for key in self._keys if algorithm in key.algorithms]
        if len(keys) != 1:
            raise Refused("it has no kid, and not exactly one key of the issuer is for its alg")
        return keys[0]


def parse_key_set(document: bytes, algorithms: Collection[str]) -> KeySet:
    """The keys in a document that these algorithms can use; raises KeysUnreadable if there is none.

    Keys that are for something else are passed over, as the standard wants it.
    """
    keys = tuple(
        key
        for entry in _entries(document)
        if (key := _verifying_key(entry, algorithms)) is not None
    )
    if not keys:
        raise KeysUnreadable(f"there is no key for {', '.join(sorted(algorithms))} in it")
    kids = [key.kid for key in keys if key.kid is not None]
    if len(set(kids)) != len(kids):
        raise KeysUnreadable("two of its keys have the same kid")
    return KeySet(keys)


def _entries(document: bytes) -> list[object]:
    try:
        value = parse_strict(document.decode())
    except ValueError as error:
        raise KeysUnreadable(f"it is not JSON: {error}") from error
    entries = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(entries, list):
        raise KeysUnreadable("it is not an object with a list `keys`")
    if len(entries) > MAX_KEYS:
        raise KeysUnreadable(f"there are {len(entries)} keys in it; the limit is {MAX_KEYS}")
    return entries


def _verifying_key(entry: object, algorithms: Collection[str]) -> VerifyingKey | None:
    if not isinstance(entry, dict) or not _is_for_signatures(entry):
        return None
    kind = KeyKind(_text(entry, "kty"), _text(entry, "crv"))
    fitting = frozenset(name for name in algorithms if ALGORITHMS[name] == kind)
    if "alg" in entry:
        fitting &= {_text(entry, "alg")}
    kid = entry.get("kid")
    if not fitting or not (kid is None or isinstance(kid, str)) or not _has_sane_size(entry):
        return None
    key = _import(entry, kind)
    return None if key is None else VerifyingKey(kid, key, fitting)


def _is_for_signatures(entry: dict[str, object]) -> bool:
    operations = entry.get("key_ops", ["verify"])
    # Whoever publishes a private key has lost it.
    is_public = "d" not in entry
    is_for_verifying = isinstance(operations, list) and "verify" in operations
    return is_public and is_for_verifying and entry.get("use", "sig") == "sig"


def _has_sane_size(entry: dict[str, object]) -> bool:
    return "n" not in entry or MIN_MODULUS <= len(_text(entry, "n")) <= MAX_MODULUS


def _import(entry: dict[str, object], kind: KeyKind) -> Key | None:
    # Only what makes up the key: what it may be used for has been decided.
    members = {name: _text(entry, name) for name in _MEMBERS[kind.kty]}
    try:
        return import_key({"kty": kind.kty, **members})
    except (JoseError, ValueError, TypeError):
        return None


def _text(entry: dict[str, object], name: str) -> str:
    value = entry.get(name)
    return value if isinstance(value, str) else ""
