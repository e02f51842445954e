"""Token buckets that the workers of one gateway share, in memory that all of them have open."""

import fcntl
import mmap
import os
import struct
from hashlib import blake2b

from gateway.data.limits import NANOSECONDS, Decision, token_interval_ns
from gateway.rates import Rate

# Each key belongs to one group of a few entries: enough that with 100,000 keys at once, spread by
# hash, hardly one finds its group full.
GROUPS = 128 * 1024
ENTRIES = 8
_DIGEST_BYTES = 16
_SECRET_BYTES = 32
_FULL_AT = struct.Struct("<q")
_ENTRY_BYTES = _DIGEST_BYTES + _FULL_AT.size
_GROUP_BYTES = ENTRIES * _ENTRY_BYTES

_ADMITTED = Decision(admitted=True)


def new_bucket_memory(groups: int = GROUPS) -> int:
    """Number of an open file without a name: 25 MB, of which only what is used takes memory."""
    file = os.memfd_create("conch-buckets")
    os.truncate(file, _SECRET_BYTES + groups * _GROUP_BYTES)
    # Nobody can choose names of keys that fill the group of another.
    os.pwrite(file, os.urandom(_SECRET_BYTES), 0)
    return file


class SharedBuckets:
    """As TokenBuckets, over all processes: at most `burst + rate * T` in any T seconds.

    An entry is the digest of a key's id and the moment at which its bucket is full again; past
    that moment it says nothing and is free. A group is read and written under a lock of the
    kernel, which is let go when its holder is killed. A key that finds its group full of others is
    refused: rather one too few than one too many.
    """

    def __init__(self, file: int) -> None:
        self._file = file
        self._memory = mmap.mmap(file, 0)
        self._secret = self._memory[:_SECRET_BYTES]
        self._groups = (len(self._memory) - _SECRET_BYTES) // _GROUP_BYTES

    def admit(self, key_id: str, limit: Rate | None, now_ns: int) -> Decision:
        """Take one request from the key's bucket; a refused request takes nothing."""
        if limit is None:
            return _ADMITTED
        digest = blake2b(key_id.encode(), digest_size=_DIGEST_BYTES, key=self._secret).digest()
        group = int.from_bytes(digest[:8], "little") % self._groups
        start = _SECRET_BYTES + group * _GROUP_BYTES
        fcntl.lockf(self._file, fcntl.LOCK_EX, _GROUP_BYTES, start)
        try:
            return self._take(digest, start, token_interval_ns(limit), limit.burst, now_ns)
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN, _GROUP_BYTES, start)

    def _take(
        self, digest: bytes, start: int, interval_ns: int, burst: int, now_ns: int
    ) -> Decision:
        memory = self._memory
        at = memory.find(digest, start, start + _GROUP_BYTES)
        is_new = at < 0
        if is_new:
            at = self._first_full(start)
        before = self._full_at(at)
        if is_new and before > now_ns:
            return _refused(before - now_ns)
        full_at = max(before, now_ns) + interval_ns
        wait_ns = full_at - now_ns - burst * interval_ns
        if wait_ns > 0:
            return _refused(wait_ns)
        memory[at : at + _ENTRY_BYTES] = digest + _FULL_AT.pack(full_at)
        return _ADMITTED

    def _first_full(self, start: int) -> int:
        """The entry that is free now, or will be next."""
        return min(range(start, start + _GROUP_BYTES, _ENTRY_BYTES), key=self._full_at)

    def _full_at(self, at: int) -> int:
        (full_at,) = _FULL_AT.unpack_from(self._memory, at + _DIGEST_BYTES)
        return int(full_at)


def _refused(wait_ns: int) -> Decision:
    return Decision(admitted=False, retry_after_s=-(-wait_ns // NANOSECONDS))
