"""The worker's end of the tap rings: what a recorder or mixer process reads packets with.

Error base: TapRingError
└── TapReaderReplaced
"""

from media.tap.reader import TapCounters, TapKind, TapReader, TapReaderReplaced, TapRecord, TapRingError

__all__ = ["TapCounters", "TapKind", "TapReader", "TapReaderReplaced", "TapRecord", "TapRingError"]
