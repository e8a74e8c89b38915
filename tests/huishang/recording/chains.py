"""Chains of recordings for the tests of the index: contents as the server writes them, and chains made in one go."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dispatch.ids import ulid
from huishang.recording import contents
from recorder.book.layout import Layout
from recorder.book.orders import Append
from recorder.files import Facts
from recorder.proof.chain import Chain
from tests.recorder.proof.sessions import BEGIN, OLD, SECOND

SESSION = "01HF0000000000000000000AAA"
OTHER = "01HF0000000000000000000BBB"


def identifier(*parts: object) -> str:
    """Give the ULID of something, the same each time."""
    return ulid(BEGIN, hashlib.sha256(repr(parts).encode()).digest())


def opening(session: str = SESSION) -> Append:
    return Append(session, "opening", {"v": 1, "at": BEGIN, "of": "consultation:c", "title": "防汛会商"})


def content(track: int, number: int, **changes: Any) -> dict[str, Any]:
    """Give what is told of a segment of four seconds: even tracks are pictures, odd ones the sound that goes with them.

    As long as those of a real recording: eight samples of evidence, some fills.
    """
    is_picture, name = track % 2 == 0, identifier("track", track)
    start, segment = BEGIN + number * 4 * SECOND + track, identifier(track, number)
    stamps = range(start, start + 4 * SECOND, SECOND // 2)
    return {
        "track": name,
        "segment": segment,
        "number": number,
        "file": f"tracks/{name}/{segment}.mp4",
        "start": start,
        "end": start + 4 * SECOND,
        "bytes": 300_000 + number,
        "digest": {"sha256": hashlib.sha256(segment.encode()).hexdigest()},
        "codec": "h264" if is_picture else "opus",
        "mime": 'video/mp4; codecs="avc1.42c01f"' if is_picture else 'audio/mp4; codecs="opus"',
        "width": 640 * is_picture,
        "height": 360 * is_picture,
        "channels": 1,
        "head": 800,
        "recovered": False,
        "about": {
            "source": f"source-{track // 2}",
            "kind": "video" if is_picture else "audio",
            "unit": "u",
            "person": f"person-{track // 2}",
            "name": f"乡镇 {track // 2}",
        },
        "fills": [] if is_picture else [[start + SECOND, start + 2 * SECOND]],
        "gaps": [["lost", start - 20_000, start]],
        "keyframes": [start] if is_picture else [],
        "error_us": 1_500,
        "ssrc": 0x12345678,
        "rid": "h" if is_picture else "",
        "clock_rate": 90_000 if is_picture else 48_000,
        "evidence": [[at & 0xFFFFFFFF, at - BEGIN, at - BEGIN - 20_000, 1_500_000] for at in stamps],
        **changes,
    }


def told(facts: Facts, track: int) -> dict[str, Any]:
    """Give what is told of a file that was written."""
    found = contents.segment(facts, None)
    return content(track, facts.label.number) | found | {"about": content(track, 0)["about"]}


def segment(track: int, number: int, session: str = SESSION, **changes: Any) -> Append:
    return Append(session, "segment", content(track, number, **changes))


def deletion(*records: int, session: str = SESSION, at: int = BEGIN + 9 * SECOND) -> Append:
    return Append(session, "deletion", {"at": at, "policy": "30 days", "records": list(records)})


def lines(tracks: int, numbers: int, session: str = SESSION) -> Iterator[bytes]:
    """Give a chain of segments of so many tracks, with a head behind each four seconds."""
    chain = Chain(session, OLD)
    yield chain.append("opening", dict(opening(session).content))
    yield chain.head(BEGIN)
    for number in range(numbers):
        for track in range(tracks):
            yield chain.append("segment", content(track, number))
        yield chain.head(BEGIN + number * 4 * SECOND)


def write_chain(root: Path, tracks: int, numbers: int, session: str = SESSION) -> Path:
    """Write such a chain; return its file."""
    path = Layout(root).chain(session)
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        file.writelines(lines(tracks, numbers, session))
    return path
