"""What a plane thread asks of the scheduler: to run soon after it is woken, and to be recognised in `top -H`.

The plane sleeps most of the time and needs microseconds when a packet comes; on a busy core the scheduler would let
whoever runs finish its slice of some milliseconds first. A short slice of its own (Linux 6.12 and later) and a higher
priority (where the service may: CAP_SYS_NICE, `LimitNICE=`) let it go first. Neither is needed to work: what the
kernel refuses is left as it is.

At nice -15 all others together keep three hundredths of a core that the plane could fill; at -10 it was ten, and a busy
control loop on the plane's own core was what its slowest packets waited for.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import threading

_PR_SET_NAME = 15
_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}
_SLICE_NS = 100_000  # the least the kernel grants
_NICE = -15


def prefer_this_thread(name: str) -> None:
    """Name the calling thread, shorten its slice and raise its priority, as far as the kernel allows."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0)
    _shorten_slice(libc)
    try:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
    except OSError:
        return


def _shorten_slice(libc: ctypes.CDLL) -> None:
    number = _SCHED_SETATTR.get(platform.machine())
    if number is None:
        return
    # struct sched_attr: size, policy (SCHED_OTHER), flags, nice, priority, runtime, deadline, period
    attributes = struct.pack("=IIQiIQQQ", 48, 0, 0, 0, 0, _SLICE_NS, 0, 0)
    libc.syscall(ctypes.c_long(number), ctypes.c_int(0), attributes, ctypes.c_uint(0))
