"""What the chains of recordings say, as JSON objects. Core.

Integers stay below 2**53 (`recorder.proof.canonical`), so times are microseconds. Every content can be understood
without our database: names stand beside identifiers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from dispatch.entry import Entry, public
from dispatch.records import Recording
from huishang.recording.about import without_recordings
from recorder.files import Facts
from recorder.tracks import Ended, Gap

VERSION: Final = 1
Content = dict[str, Any]


def opening(recording: Recording, node: str, at_us: int) -> Content:
    """Say what is recorded, since when, by whose order."""
    return {
        "v": VERSION,
        "at": at_us,
        "of": recording.of,
        "unit": recording.unit,
        "title": recording.title,
        "why": recording.why,
        "by": recording.by,
        "node": node,
    }


def segment(facts: Facts, ended: Ended | None, utc_error_ns: int | None = None) -> Content:
    """Say what a file is; `ended` is None of one that was not closed by who wrote it.

    `utc_error_ns` bounds the error of UTC, which comes to that of the times of capture; None: nobody vouches for it.
    """
    label = facts.label
    track = label.track
    content: Content = {
        "track": track.track,
        "file": f"tracks/{track.track}/{facts.name}",
        "start": facts.t0,
        "end": facts.t1,
        "bytes": facts.bytes,
        "digest": {"sha256": facts.sha256} | ({"sm3": facts.sm3} if facts.sm3 else {}),
        "segment": label.segment,
        "number": label.number,
        "codec": track.codec.value,
        "mime": label.mime,
        "width": track.width,
        "height": track.height,
        "channels": track.channels,
        "head": facts.head_bytes,
        "recovered": facts.recovered,
        "about": without_recordings(track.about),
        "fills": [[fill.t0, fill.t1] for fill in facts.fills],
        "keyframes": list(facts.keyframes),
    }
    if ended is not None:
        content |= _ended(ended) | {"utc_error_us": None if utc_error_ns is None else _rounded_up(utc_error_ns)}
    return content


def _ended(ended: Ended) -> Content:
    return {
        "ssrc": ended.ssrc,
        "rid": ended.rid,
        "offset_us": ended.offset_ns // 1000,
        "error_us": ended.error_us,
        "clock_rate": ended.clock_rate,
        "gaps": [[gap.why.value, gap.t0, gap.t1] for gap in ended.gaps],
        "evidence": [
            [each.timestamp, each.arrival_ns // 1000, each.capture_ns // 1000, _rounded_up(each.error_ns)]
            for each in ended.evidence
        ],
        "reports": [
            [
                [each.ntp >> 32, each.ntp & 0xFFFFFFFF],
                each.timestamp,
                each.arrival_ns // 1000,
                each.round_trip_ns // 1000,
                each.round_trip_source,
            ]
            for each in ended.reports
        ],
    }


def _rounded_up(ns: int) -> int:
    """Return a bound in microseconds."""
    return -(-ns // 1000)


def gap(track: str, missing: Gap) -> Content:
    """Say what no segment says: that a track ended in a gap."""
    return {"what": "gap", "track": track, "why": missing.why.value, "t0": missing.t0, "t1": missing.t1}


def deletion(recording: Recording, at_us: int, named: Sequence[int]) -> Content:
    """Say that records are deleted, by which policy."""
    return {"at": at_us, "policy": recording.deleted_by, "records": list(named)}


def event(entry: Entry, at_us: int) -> Content:
    """Say what happened, as the timeline has it, without secrets; `at_us` is when that is in the media."""
    return {"at": at_us, "entry": msgspec.to_builtins(public(entry))}
