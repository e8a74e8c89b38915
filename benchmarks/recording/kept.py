"""What the chains of a node say was recorded, held against what the load sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.shapes import RTP_OVERHEAD_BYTES, SECOND_NS, Kind, Shape
from recorder.proof import records
from recorder.proof.records import RecordedLine


@dataclass(slots=True)
class Kept:
    """Of all recordings of a node together."""

    recordings: int = 0
    tracks: int = 0
    """Each in each recording."""
    segments: int = 0
    bytes: int = 0
    sent_bytes: float = 0.0
    """RTP payload that the load sent from the first moment of each track until its recording's end, or its own."""
    gaps: Counter[str] = field(default_factory=Counter)
    """Why something is missing, and how often that was said."""
    late_s: float = 0.0
    """The longest from a recording's begin until a track's first frame."""

    @property
    def off(self) -> float:
        """The share by which the files' bytes differ from what was sent."""
        return abs(self.bytes / self.sent_bytes - 1) if self.sent_bytes else float("nan")


def payload_bps(shape: Shape) -> float:
    """Bytes of RTP payload a second."""
    return (
        sum(size - RTP_OVERHEAD_BYTES for burst in shape.bursts for size in burst.sizes) * SECOND_NS / shape.period_ns
    )


def read(root: Path, shape_of: Mapping[Kind, Shape]) -> Kept:
    """Read the chains below a recordings' root; all recordings have ended. Raises OSError, NotARecord."""
    found = Kept()
    for chain in root.glob("sessions/*/chain.jsonl"):
        found.recordings += 1
        spans: dict[str, tuple[Kind, int, int]] = {}
        begun_us = ended_us = 0
        for kind, content in _contents(chain):
            if kind == "opening":
                begun_us = content["at"]
            elif kind == "closure":
                ended_us = content["at"]
            elif kind == "mark" and content["what"] == "gap":
                found.gaps[content["why"]] += 1
            elif kind == "segment":
                found.segments += 1
                found.bytes += content["bytes"]
                found.gaps.update(why for why, *_ in content.get("gaps", ()))
                track, start, end = content["track"], content["start"], content["end"]
                _, since, until = spans.get(track, ("", start, end))
                spans[track] = content["about"]["kind"], min(since, start), max(until, end)
        found.tracks += len(spans)
        for of, since, until in spans.values():
            found.sent_bytes += payload_bps(shape_of[of]) * (max(until, ended_us) - since) / 1e6
            found.late_s = max(found.late_s, (since - begun_us) / 1e6)
    return found


def _contents(chain: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for text in chain.read_bytes().split(b"\n")[:-1]:
        line = records.parse(text)
        if isinstance(line, RecordedLine) and isinstance(line.content, dict):
            yield line.record.kind, line.content
