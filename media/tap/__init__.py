"""The worker's end of the tap rings: what a recorder or mixer process reads packets with.

Error base: TapRingError
└── TapReaderReplaced
"""

from media.tap.clock import ClockBasis, RoundTripSource, TapClock
from media.tap.reader import TapCounters, TapKind, TapReader, TapReaderReplaced, TapRecord, TapRingError

__all__ = [
    "ClockBasis",
    "RoundTripSource",
    "TapClock",
    "TapCounters",
    "TapKind",
    "TapReader",
    "TapReaderReplaced",
    "TapRecord",
    "TapRingError",
]
