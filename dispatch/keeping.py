"""How long recordings are kept, and which may be deleted. Core: no I/O, `now_us` is an argument.

A class says how many days; they begin at the end of a recording. What runs or is held is never among what may go. A
disk that is low takes brief ones before their time, the oldest first, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dispatch.records import BRIEF, Recording

DAY_US = 86_400_000_000
#: Class -> days; 0: for ever.
Days = Mapping[str, int]


def is_over(recording: Recording, days: int, now_us: int) -> bool:
    """Tell whether a recording may go by its class: so many days have passed since its end; 0 are never over."""
    return _may_go(recording) and days > 0 and recording.ended_us + days * DAY_US <= now_us


def is_spare(recording: Recording) -> bool:
    """Tell whether a recording may go before its time, where the disk is low."""
    return _may_go(recording) and recording.retention == BRIEF


def over(recordings: Iterable[Recording], days: Days, now_us: int) -> list[Recording]:
    """Return what is past its time, the first to have ended first. A class that is not known is kept."""
    return _in_order(each for each in recordings if is_over(each, days.get(each.retention, 0), now_us))


def spare(recordings: Iterable[Recording]) -> list[Recording]:
    """Return what a low disk may take, the first to have ended first."""
    return _in_order(each for each in recordings if is_spare(each))


def _may_go(recording: Recording) -> bool:
    return bool(recording.ended_us) and not recording.hold and not recording.deleted_us


def _in_order(recordings: Iterable[Recording]) -> list[Recording]:
    return sorted(recordings, key=lambda each: (each.ended_us, each.id))
