"""Wakes a greenlet at a moment, to some ten microseconds.

gevent's own timers are rounded to whole milliseconds by epoll, which is as long as a small model
takes to answer; Linux's timerfd is not.
"""

import ctypes
import os
import time

import gevent

_CLOCK_MONOTONIC = 1
_ABSOLUTE = 1
_READ = 1


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class Alarm:
    """For one greenlet at a time; where there is no timerfd it is gevent's own timer."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = -1
        if hasattr(self._libc, "timerfd_create"):
            flags = os.O_NONBLOCK | os.O_CLOEXEC
            self._fd = self._libc.timerfd_create(_CLOCK_MONOTONIC, flags)
        if self._fd >= 0:
            self._watcher = gevent.get_hub().loop.io(self._fd, _READ)

    def wait_until(self, at: float) -> None:
        """Return at this moment of time.monotonic(), or at once when it is past."""
        left_s = at - time.monotonic()
        if left_s <= 0:
            return
        if self._fd < 0:
            gevent.sleep(left_s)
            return
        seconds = int(at)
        moment = _Timespec(seconds, int((at - seconds) * 1e9))
        setting = _Itimerspec(_Timespec(0, 0), moment)
        self._libc.timerfd_settime(self._fd, _ABSOLUTE, ctypes.byref(setting), None)
        gevent.get_hub().wait(self._watcher)
        os.read(self._fd, 8)

    def close(self) -> None:
        """Give the timer back."""
        if self._fd >= 0:
            self._watcher.close()
            os.close(self._fd)
            self._fd = -1
