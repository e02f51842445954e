"""What a worker remembers of the records: keys by what names them, and tokens that were let in."""

from collections import OrderedDict
from collections.abc import Collection, Iterable
from typing import TypeVar

from gateway.data.principal import Principal
from gateway.keys import Key

MAX_KEYS = 100_000

K = TypeVar("K")
V = TypeVar("V")


class KeyCache:
    """Keys that were read, each until it changes; bounded, the oldest go.

    A key is named by its id, or by `subject_name` of the certificate that it stands for.
    """

    def __init__(self) -> None:
        # Who was let in, by token and by subject of a certificate; read on every request. By the
        # token itself: its hash costs more than all else that is done to know a caller.
        self.by_token: dict[bytes, Principal] = {}
        self.by_subject: dict[str, Principal] = {}
        # Tokens of a key that were let in: its secret, and the one before it.
        self._tokens: dict[str, tuple[bytes, ...]] = {}
        # Whoever reads compares it before and after: a change meanwhile makes the answer stale.
        self.changes = 0
        self._keys: OrderedDict[str, Key] = OrderedDict()
        # Names of keys that there were before they changed.
        self._forgotten: OrderedDict[str, None] = OrderedDict()

    def get(self, name: str) -> Key | None:
        return self._keys.get(name)

    def knew(self, name: str) -> bool:
        """Whether there was such a key when it was read last, before something changed."""
        return name in self._forgotten

    def put(self, name: str, key: Key | None) -> None:
        """Remember what was read under this name."""
        # What was admitted by an older state of it must not outlive that.
        self._forget(name)
        self._forgotten.pop(name, None)
        if key is None:
            return
        for known_as in _names(key):
            self._keys[known_as] = key
            self._forgotten.pop(known_as, None)
        while len(self._keys) > MAX_KEYS:
            self._forget(next(iter(self._keys)))

    def admit(self, key: Key, token: bytes, principal: Principal) -> None:
        """Remember the token too, or without one the certificate, unless its key changed since it
        was read."""
        if self._keys.get(key.id) is not key:
            return
        if not token:
            assert key.tls_subject is not None
            self.by_subject[key.tls_subject] = principal
            return
        if token not in self.by_token:
            self._tokens[key.id] = (*self._tokens.get(key.id, ()), token)
        self.by_token[token] = principal

    def evict(self, key_ids: Iterable[str]) -> None:
        """Forget keys that changed."""
        self.changes += 1
        for key_id in key_ids:
            self._forget(key_id)

    def evict_tenants(self, tenants: Collection[str]) -> None:
        """Forget all keys of tenants that changed."""
        self.evict([key.id for key in self._keys.values() if key.tenant in tenants])

    def evict_all(self) -> None:
        """Forget everything: it is not known what changed."""
        self.changes += 1
        for name in self._keys:
            put_bounded(self._forgotten, name, None, MAX_KEYS)
        self._keys.clear()
        self._tokens.clear()
        self.by_token.clear()
        self.by_subject.clear()

    def _forget(self, name: str) -> None:
        key = self._keys.get(name)
        if key is None:
            return
        for known_as in _names(key):
            del self._keys[known_as]
            put_bounded(self._forgotten, known_as, None, MAX_KEYS)
        for token in self._tokens.pop(key.id, ()):
            del self.by_token[token]
        if key.tls_subject is not None:
            self.by_subject.pop(key.tls_subject, None)


def _names(key: Key) -> tuple[str, ...]:
    return (key.id,) if key.tls_subject is None else (key.id, subject_name(key.tls_subject))


def subject_name(subject: str) -> str:
    """Name of the key for a certificate; no id has a space."""
    return f"subject {subject}"


def put_bounded(cache: OrderedDict[K, V], key: K, value: V, limit: int) -> None:
    """Remember; beyond the limit the oldest goes."""
    cache[key] = value
    cache.move_to_end(key)
    if len(cache) > limit:
        cache.popitem(last=False)
