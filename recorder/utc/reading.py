"""Reads the clocks together, and what the kernel thinks of UTC (adjtimex(2), which Python does not have). Shell."""

from __future__ import annotations

import ctypes
import struct
import time
from typing import Final

from recorder.utc.line import Reading

#: Whoever is interrupted between two clocks tries again.
_TRIES: Final = 5
_STA_UNSYNC: Final = 0x0040
#: As `struct timex` begins where long has 64 bits: modes, offset, freq, maxerror, esterror, status.
_TIMEX: Final = struct.Struct("@Iqqqqi")
_TIMEX_BYTES: Final = 208
#: 16 s, what the kernel says when it knows nothing.
_UNKNOWN_US: Final = 16_000_000

_libc: Final = ctypes.CDLL(None, use_errno=True)


def read_clocks() -> Reading:
    """Read all clocks as nearly at once as can be."""
    spans = []
    for _ in range(_TRIES):
        before_ns = time.monotonic_ns()
        utc_ns = time.time_ns()
        raw_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
        after_ns = time.monotonic_ns()
        spans.append((after_ns - before_ns, before_ns, raw_ns, utc_ns))
    span_ns, before_ns, raw_ns, utc_ns = min(spans)
    return Reading(before_ns + span_ns // 2, raw_ns, utc_ns, read_error_ns())


def read_error_ns() -> int | None:
    """Give the kernel's bound of the error of UTC; None where nothing disciplines it, or the kernel does not tell."""
    timex = ctypes.create_string_buffer(_TIMEX_BYTES)
    if struct.calcsize("l") != 8 or _libc.adjtimex(timex) < 0:
        return None
    *_, max_error_us, _, status = _TIMEX.unpack_from(timex)
    return None if status & _STA_UNSYNC or not 0 <= max_error_us < _UNKNOWN_US else max_error_us * 1000
