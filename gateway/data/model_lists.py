"""Lists of models that Triton gives, cut down to those that the caller may know of."""

from collections.abc import Callable

import msgspec

from gateway.errors import UpstreamFailed
from gateway.permissions import Grants, Permission, may

# Triton's statistics of a thousand models take about half a megabyte.
MAX_LIST_BYTES = 16 * 1024 * 1024


class _Named(msgspec.Struct):
    name: str


class _Statistics(msgspec.Struct):
    model_stats: list[msgspec.Raw]


class HeldList:
    """An answer that is a list, held until it is whole."""

    __slots__ = ("_parts", "_size_bytes")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size_bytes = 0

    def add(self, parts: list[bytes]) -> None:
        """Hold these as well. Raises UpstreamFailed for a list that is too long."""
        self._parts += parts
        self._size_bytes += sum(map(len, parts))
        if self._size_bytes > MAX_LIST_BYTES:
            raise UpstreamFailed(f"Triton's list of models has over {MAX_LIST_BYTES} bytes.")

    def cut_down(self, grants: Grants, permission: Permission) -> bytes:
        """The list with the models on which the grants give the permission."""
        return cut_down(b"".join(self._parts), lambda model: may(grants, permission, model))


def cut_down(body: bytes, is_allowed: Callable[[str], bool]) -> bytes:
    """The repository's index or the statistics, with the allowed models' entries as they came.

    Raises UpstreamFailed for an answer that is neither.
    """
    try:
        if body.lstrip()[:1] == b"[":
            entries = msgspec.json.decode(body, type=list[msgspec.Raw])
            return b"[%b]" % _allowed(entries, is_allowed)
        entries = msgspec.json.decode(body, type=_Statistics).model_stats
        return b'{"model_stats":[%b]}' % _allowed(entries, is_allowed)
    except msgspec.DecodeError as error:
        raise UpstreamFailed(f"Triton's list of models cannot be read: {error}.") from None


def _allowed(entries: list[msgspec.Raw], is_allowed: Callable[[str], bool]) -> bytes:
    return b",".join(
        bytes(entry)
        for entry in entries
        if is_allowed(msgspec.json.decode(entry, type=_Named).name)
    )
