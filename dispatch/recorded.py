"""What is to be recorded just now: of every recording that runs, the pictures and sounds of its sources. Core.

A consultation's recording holds what the consultation shows: whose picture or sound the chair has cut off is not in it
meanwhile. A source that several recordings want is recorded once, for all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from dispatch.flow import contributors
from dispatch.records import Attendance, Recording
from dispatch.tables import RUNNING, Tables

#: A source and its kind, `video` or `audio`.
Track = tuple[str, str]
KINDS = ("video", "audio")


class Wanted(NamedTuple):
    """The recordings that want a track, in the order in which they began; `paused` keep nothing just now."""

    running: tuple[str, ...]
    paused: tuple[str, ...]


def recorded(tables: Tables) -> Mapping[Track, Wanted]:
    """Return what is to be recorded, and by which recordings."""
    found: dict[Track, Wanted] = {}
    for identifier in tables.recordings_running.ids(RUNNING):
        recording = tables.recordings.get(identifier)
        for track in _tracks(tables, recording):
            running, paused = found.get(track, Wanted((), ()))
            if recording.paused_us:
                found[track] = Wanted(running, (*paused, identifier))
            else:
                found[track] = Wanted((*running, identifier), paused)
    return found


def _tracks(tables: Tables, recording: Recording) -> Iterator[Track]:
    kind, _, identifier = recording.of.partition(":")
    if kind == "source":
        yield from ((identifier, each) for each in KINDS)
        return
    people = map(tables.participants.get, tables.participants_of.ids(identifier))
    present = (item for item in people if item.attendance is Attendance.PRESENT)
    for source in dict.fromkeys(source for item in present for source in item.sources):
        giving = contributors(tables, identifier, source)
        if not any(item.picture_off for item in giving):
            yield source, "video"
        if not any(item.sound_off for item in giving):
            yield source, "audio"
