"""A consultation of the county that was recorded: real files by the real writer, real chains, and the interface."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp

from dispatch.acts.consultation import Create, Join
from dispatch.acts.recordings import Begin, End, Spoke, Spoken
from dispatch.desk.coordinator import Coordinator
from dispatch.entry import Origin
from dispatch.journal import Journal
from dispatch.permissions import SYSTEM
from dispatch.records import Participant
from dispatch.store.database import Database
from dispatch.store.reading import Reader
from media.stills.process import WorkerProcess
from recorder.book.book import Book
from recorder.book.orders import Append
from recorder.copies.copies import Copies
from recorder.files import Codec, Facts, SegmentWriter, Track
from recorder.worker.ulid import ulid
from signaling.http.operation import Door
from signaling.http.recordings import RecordedFiles, RecordingsEndpoint
from signaling.http.timeline import TimelineEndpoint
from tests.recorder.book.books import open_book
from tests.recorder.chained import ChainReader, content_of
from tests.recorder.files.frames import SIZE, T0, Frame, frames
from tests.signaling.http.asking import Answer, ask, serving
from tests.signaling.http.county import COUNTY, EAST, coordinating, following, identify, person, token
from tests.signaling.http.past import Past

SECOND_US: Final = 1_000_000
#: How long a file of `frames` lasts.
LENGTH_US: Final = 3 * SECOND_US


@dataclass(frozen=True, slots=True)
class Recorded(Past):
    """What runs; `recording` is of `consultation` and began at `begun_us`."""

    root: Path
    book: Book
    stills: WorkerProcess
    copies: Copies
    consultation: str = ""
    recording: str = ""
    files: dict[str, list[Facts]] = field(default_factory=dict)

    @property
    def begun_us(self) -> int:
        return self.coordinator.tables.recordings.get(self.recording).begun_us

    def note(self, *orders: tuple[str, dict[str, Any]]) -> None:
        """Write into the recording's chain."""
        appends = [Append(self.recording, kind, content) for kind, content in orders]  # type: ignore[arg-type]
        answers = self.book.commit(appends, time.time_ns() // 1000)
        assert not [answer for answer in answers if isinstance(answer, Exception)], answers

    def record(self, codec: Codec, *starts_s: float, track: str = "", made: Sequence[Frame] = (), **more: Any) -> str:
        """Write files of three seconds that begin so long after the recording, and name them; return their track.

        `made`: other frames than those of `frames`, with times as if they began at `T0`.
        """
        track = track or ulid(T0)
        folder = self.root / "tracks" / track
        folder.mkdir(parents=True, exist_ok=True)
        own = self.files.setdefault(track, [])
        about = {"source": f"{person('east')}.tab", "kind": "video" if codec.is_picture else "audio"}
        about |= {"unit": EAST, "person": person("east"), "name": "渡口"}
        for start_s in starts_s:
            start_us = self.begun_us + round(start_s * SECOND_US)
            own.append(_file(folder, track, codec, len(own), start_us, made or frames(codec)))
            self.note(("segment", content_of(own[-1], about, **more)))
        return track

    async def delete(self, facts: Facts, at_us: int) -> None:
        """Take a file away, as policy does."""
        row = await ChainReader(self.root).segment(self.recording, facts.label.segment)
        assert row
        self.note(("deletion", {"at": at_us, "policy": "30 days", "records": [row.record]}))
        self.file(facts).unlink()

    def file(self, facts: Facts) -> Path:
        return self.root / "tracks" / facts.label.track.track / facts.name

    def client(self, name: str | None) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(self.url, headers=token(name) if name else None)

    async def get(self, path: str, name: str | None = "officer", **more: Any) -> Answer:
        """Ask for something of the recording."""
        async with self.client(name) as http:
            return await ask(http, more.pop("method", "GET"), f"/api/v1/recordings/{self.recording}{path}", **more)

    async def list(self, name: str, query: str = "") -> Answer:
        """Ask for the recordings that somebody may replay."""
        async with self.client(name) as http:
            return await ask(http, "GET", f"/api/v1/recordings?{query}")

    def place(self, name: str) -> Participant:
        """Somebody's place in the consultation."""
        tables = self.coordinator.tables
        found = tables.participant_of_person.first(f"{self.consultation}/{person(name)}")
        assert found
        return tables.participants.get(found)

    async def spoke(self, *turns: Spoken) -> None:
        """Enter turns as the node does."""
        await self.coordinator.act(Spoke(turns=turns), SYSTEM, Origin())

    async def end(self) -> None:
        await self.do("officer", End(recording=self.recording))


def _file(folder: Path, track: str, codec: Codec, number: int, start_us: int, made: Sequence[Frame]) -> Facts:
    width, height = SIZE if codec.is_picture else (0, 0)
    writer = SegmentWriter(folder, ulid(start_us), number, Track(track, codec, width, height))
    for frame in made:
        writer.write(frame.data, frame.pts_us - T0 + start_us, frame.is_keyframe)
    facts = writer.close(start_us + LENGTH_US)
    assert facts
    return facts


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Recorded]:
    """Serve a recording that has begun and holds nothing yet."""
    root = folder / "recordings"
    async with (
        coordinating(folder / "journal") as (coordinator, journal),
        following(folder, coordinator, journal) as database,
    ):
        book = open_book(root)
        door = Door(coordinator.tables, coordinator.permissions, identify)
        reader = Reader(database)
        stills, copies = WorkerProcess(), Copies(folder / "copies")
        endpoint = RecordingsEndpoint(reader, ChainReader(root), RecordedFiles(root, copies, stills), coordinator, door)
        async with serving([*endpoint.routes(), *TimelineEndpoint(reader, door).routes()]) as url:
            yield await _begun(url, coordinator, journal, database, root, book, stills, copies)
        await copies.close()
        await stills.close()
        book.close()


async def _begun(
    url: str,
    coordinator: Coordinator,
    journal: Journal,
    database: Database,
    root: Path,
    book: Book,
    stills: WorkerProcess,
    copies: Copies,
) -> Recorded:
    past = Past(url, coordinator, journal, database)
    consultation = await past.do("officer", Create(title="防汛会商", unit=COUNTY, invite=(f"unit:{EAST}",)))
    for name in ("officer", "east"):
        await past.do(name, Join(consultation=consultation))
    recording = await past.do("officer", Begin(of=f"consultation:{consultation}"))
    made = Recorded(url, coordinator, journal, database, root, book, stills, copies, consultation, recording)
    made.note(("opening", {"v": 1, "at": made.begun_us, "of": f"consultation:{consultation}"}))
    return made


def ids(items: Iterable[dict[str, Any]]) -> list[str]:
    return [item["segment"] for item in items]
