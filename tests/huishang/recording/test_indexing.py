"""The index of recordings follows chains that the book writes, on SQLite and on PostgreSQL."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from dispatch.store.database import Database
from dispatch.store.migrating import upgrade
from dispatch.store.rebuild import rebuild
from dispatch.store.schema import chains, projection, segments, tracks
from dispatch.store.segments import Place, SegmentReader
from huishang.recording import chainsteps
from huishang.recording.indexing import Health, Indexer
from recorder.book.book import Book
from recorder.book.layout import Layout
from recorder.book.orders import Append, Written
from recorder.files import Codec
from recorder.proof.chain import Chain
from recorder.proof.records import withheld
from tests.dispatch.store.entries import unit
from tests.dispatch.store.lines import LinesJournal
from tests.dispatch.store.test_loading import store
from tests.huishang.recording.chains import (
    OTHER,
    SESSION,
    content,
    deletion,
    identifier,
    opening,
    segment,
    told,
    write_chain,
)
from tests.patience import until
from tests.recorder.book.books import NOW, closure, event, open_book
from tests.recorder.files.frames import TRACK, written
from tests.recorder.proof.sessions import BEGIN, OLD, SECOND

COMPLETE = Health(is_complete=True)
FAR = 1 << 60


@pytest.fixture
def book(root: Path) -> Iterator[Book]:
    book = open_book(root)
    yield book
    book.close()


def keep(book: Book, *orders: Append) -> list[int]:
    """Have a group written; give the records' n."""
    answers = book.commit(orders, NOW)
    assert all(isinstance(answer, Written) for answer in answers), answers
    return [answer.record for answer in answers if isinstance(answer, Written)]


@asynccontextmanager
async def indexing(database: Database, journal: LinesJournal, root: Path) -> AsyncIterator[Indexer]:
    """Follow the chains; begin when what was there is in the index."""
    indexer = Indexer(database, journal, root)
    indexer.start()
    try:
        await complete(indexer)
        yield indexer
    finally:
        await indexer.close()


async def complete(indexer: Indexer) -> None:
    await until("the index at the chains' ends", lambda: indexer.health, lambda health: health.is_complete)


async def rows(database: Database) -> dict[str, list[Any]]:
    """Give all that the index has."""
    async with database.snapshot() as connection:
        return {
            table.name: sorted(map(repr, (await connection.execute(select(table))).all()))
            for table in (segments, tracks, chains)
        }


async def anew(journal: LinesJournal, root: Path, tmp_path: Path) -> dict[str, list[Any]]:
    """Give what an index has that is made in one go from the chains as they are."""
    path = tmp_path / "anew.db"
    path.unlink(missing_ok=True)
    database = Database(f"sqlite:///{path}")
    async with indexing(database, journal, root):
        found = await rows(database)
    await database.close()
    return found


async def named(database: Database, session: str = SESSION) -> list[int]:
    """Give the records that the index has of a session."""
    found = await SegmentReader(database).segments(session, 0, FAR, limit=10_000)
    return sorted(row.record for row in found)


async def test_rows_are_what_the_files_are_and_the_chain_says(
    database: Database, journal: LinesJournal, root: Path, book: Book
) -> None:
    folder = root / "tracks" / TRACK
    folder.mkdir(parents=True)
    picture = written(folder, Codec.H264)
    keep(book, opening(), Append(SESSION, "segment", told(picture, 0)), event(SESSION, 1))
    sound = written(folder, Codec.G722)
    records = keep(
        book,
        Append(SESSION, "segment", told(sound, 1) | {"track": identifier("track", 1)}),
        opening(OTHER),
        Append(OTHER, "segment", told(picture, 0)),
    )
    async with indexing(database, journal, root) as indexer:
        assert indexer.health == COMPLETE
    reader = SegmentReader(database)
    assert records[0] == 4  # behind opening, segment, event and head
    first, second = await reader.segments(SESSION, 0, FAR, limit=9)
    assert {row.record: row.codec for row in (first, second)} == {1: "h264", 4: "g722"}
    assert [one.record for one in await reader.segments(OTHER, picture.t0, FAR, limit=9)] == [1]
    row = first if first.codec == "h264" else second
    assert (row.t0_us, row.t1_us, row.bytes, row.head_bytes) == (
        picture.t0,
        picture.t1,
        picture.bytes,
        picture.head_bytes,
    )
    assert (row.sha256, row.number, row.track, row.segment) == (picture.sha256, 7, TRACK, picture.label.segment)
    assert (root / row.file).stat().st_size == row.bytes and row.mime == picture.label.mime
    assert (row.source, row.kind, row.unit, row.person, row.width, row.height) == (
        "source-0",
        "video",
        "u",
        "person-0",
        160,
        96,
    )
    assert row.details == {
        "name": "乡镇 0",
        "fills": [],
        "gaps": [["lost", BEGIN + 7 * 4 * SECOND - 20_000, BEGIN + 7 * 4 * SECOND]],
        "keyframes": list(picture.keyframes),
        "error_us": 1_500,
        "rid": "h",
    }
    assert [track.segments for track in await reader.tracks(SESSION)] == [1, 1]


async def test_chain_that_grows_is_followed_to_its_last_head(
    database: Database, journal: LinesJournal, root: Path, book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chainsteps, "MOST_ROWS", 7)
    async with indexing(database, journal, root) as indexer:
        keep(book, opening(), opening(OTHER))
        for number in range(30):
            keep(book, *(segment(track, number) for track in range(4)), segment(0, number, OTHER))
            indexer.wake(SESSION)
            indexer.wake(OTHER)
        with Layout(root).chain(OTHER).open("ab") as file:  # what no head vouches for, and a line that is not whole
            file.write(Chain(OTHER, OLD).append("opening", {"at": 1}) + b'{"content":{')
        indexer.wake(OTHER)
        await complete(indexer)
        assert indexer.health == COMPLETE
        assert len(await named(database)) == 120 and len(await named(database, OTHER)) == 30
    assert await rows(database) == await anew(journal, root, tmp_path)


async def test_deletion_says_since_when_and_what_is_withheld_is_not_there(
    database: Database, journal: LinesJournal, root: Path, book: Book
) -> None:
    made = keep(book, opening(), *(segment(0, number) for number in range(6)))
    async with indexing(database, journal, root) as indexer:
        keep(book, deletion(made[2], made[3], 90), closure(SESSION))
        keep(book, deletion(made[3], made[5], at=NOW))
        indexer.wake(SESSION)
        await complete(indexer)
        found = await SegmentReader(database).segments(SESSION, 0, FAR, limit=9)
        assert [row.deleted_us for row in found] == [0, BEGIN + 9 * SECOND, BEGIN + 9 * SECOND, 0, NOW, 0]
        path = Layout(root).chain(SESSION)
        lines = path.read_bytes().splitlines(keepends=True)
        lines[made[1]] = withheld(lines[made[1]][:-1]) + b"\n"
        path.write_bytes(b"".join(lines))
        indexer.wake(SESSION)
        await complete(indexer)
        assert await named(database) == made[2:] and indexer.health == COMPLETE


async def test_lines_that_cannot_be_used_are_passed_over_and_counted(
    database: Database, journal: LinesJournal, root: Path
) -> None:
    good = content(0, 0)
    strange: list[dict[str, Any]] = [
        {key: value for key, value in good.items() if key != "about"},
        good | {"file": "../../etc/passwd"},
        good | {"file": "tracks/../proof/keys/a.pem"},
        good | {"file": "proof/keys/a.pem"},
        good | {"segment": "../x"},
        good | {"segment": good["segment"] + "\n"},
        good | {"start": good["end"] + 1},
        good | {"bytes": 1 << 50},
        good | {"about": {"source": "s", "kind": "smell"}},
        good | {"digest": {"sha256": "0"}},
        good | {"gaps": [["lost", 1]]},
    ]
    chain, foreign = Chain(SESSION, OLD), Chain(OTHER, OLD)
    lines = [chain.append("opening", {"at": BEGIN})]
    lines += [chain.append("segment", one) for one in strange]
    lines += [chain.append("deletion", {"at": 1, "records": []}), b"\n", b"[1]\n", b"\xff" * 300_000 + b"\n"]
    lines += [foreign.append("opening", {"at": BEGIN}), lines[1]]
    lines += [chain.append("segment", good | {"of_a_newer_version": {"a": [1]}, "about": good["about"] | {"x": 1}})]
    lines += [chain.head(NOW), b'{"record":{},"signature":"00"}\n']
    path = Layout(root).chain(SESSION)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"".join(lines))
    async with indexing(database, journal, root) as indexer:
        assert await named(database) == [len(strange) + 2]
        assert indexer.health == Health(is_complete=True, unfit=len(strange) + 6)


@pytest.mark.parametrize("change", ["older", "older and grown", "same length", "gone", "another that is longer"])
async def test_chain_that_was_put_back_from_a_copy_is_indexed_anew(
    database: Database, journal: LinesJournal, root: Path, tmp_path: Path, change: str
) -> None:
    path = write_chain(root, 2, 3)
    older = path.read_bytes()
    shutil.rmtree(path.parent)
    write_chain(root, 2, 5)
    write_chain(root, 1, 5, OTHER)
    async with indexing(database, journal, root) as indexer:
        assert len(await named(database)) == 10
        if change == "gone":
            shutil.rmtree(path.parent)
        elif change == "older":
            path.write_bytes(older)
        else:
            # The same contents under other salts: only the hashes differ.
            shutil.rmtree(path.parent)
            write_chain(root, 2, 5 if change == "same length" else 9)
        if change == "older and grown":
            path.write_bytes(older + path.read_bytes()[len(older) :])
        indexer.wake(SESSION)
        await complete(indexer)
        expected = {"gone": 0, "older": 6, "same length": 10}.get(change, 18)
        assert len(await named(database)) == expected and len(await named(database, OTHER)) == 5
    assert await rows(database) == await anew(journal, root, tmp_path)


async def test_start_takes_out_what_is_gone_but_not_when_the_whole_folder_is(
    database: Database, journal: LinesJournal, root: Path
) -> None:
    for session in (SESSION, OTHER):
        write_chain(root, 1, 2, session)
    async with indexing(database, journal, root):
        pass
    sessions = Layout(root).sessions
    sessions.rename(root / "away")
    async with indexing(database, journal, root):
        assert len(await named(database)) == 2
    (root / "away").rename(sessions)
    shutil.rmtree(sessions / SESSION)
    async with database.begin() as connection:  # as one that was being forgotten when the server was killed
        await connection.execute(update(chains).where(chains.c.session == OTHER).values(position=0, record=0, tail=""))
        await connection.execute(tracks.delete().where(tracks.c.session == OTHER))
    async with indexing(database, journal, root):
        assert await named(database) == [] and len(await named(database, OTHER)) == 2
        async with database.snapshot() as connection:
            assert [row.session for row in await connection.execute(select(chains))] == [OTHER]


async def test_chain_that_cannot_be_read_holds_up_no_other(
    database: Database, journal: LinesJournal, root: Path
) -> None:
    for session in (SESSION, OTHER):
        path = write_chain(root, 1, 2, session)
    path.rename(root / "elsewhere")
    path.symlink_to(root / "elsewhere")
    async with indexing(database, journal, root) as indexer:
        assert indexer.health == Health(is_complete=True, unreadable=1)
        assert len(await named(database)) == 2 and await named(database, OTHER) == []
        path.unlink()
        (root / "elsewhere").rename(path)
        indexer.wake(OTHER)
        await complete(indexer)
        assert indexer.health == COMPLETE and len(await named(database, OTHER)) == 2


async def test_index_that_was_thrown_away_or_rebuilt_is_made_anew(
    url: str, journal: LinesJournal, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chainsteps, "MOST_BYTES", 5_000)
    journal.add([unit("u")])
    for session in (SESSION, OTHER):
        write_chain(root, 3, 7, session)
    database = Database(url)
    await upgrade(database)
    await store(database, journal)
    async with indexing(database, journal, root):
        expected = await rows(database)
    assert [len(held) for held in expected.values()] == [42, 6, 2]
    async with database.begin() as connection:
        for table in (segments, tracks, chains):
            await connection.execute(table.delete())
    async with indexing(database, journal, root):
        assert await rows(database) == expected
    await database.close()
    await rebuild(url, journal)
    assert [len(held) for held in (await rows(database)).values()] == [0, 0, 0]
    async with indexing(database, journal, root):
        assert await rows(database) == expected
    await database.close()


async def test_database_of_another_journal_is_left_alone(database: Database, journal: LinesJournal, root: Path) -> None:
    write_chain(root, 1, 2)
    async with indexing(database, journal, root):
        before = await rows(database)
    async with database.begin() as connection:
        await connection.execute(update(projection).values(journal="journal-b"))
    shutil.rmtree(Layout(root).sessions)
    write_chain(root, 1, 9, OTHER)
    indexer = Indexer(database, journal, root)
    indexer.start()
    await until("the refusal", lambda: indexer.health.code == "database-foreign")
    assert not indexer.health.is_complete and indexer.health.since_us > 0
    await indexer.close()
    assert await rows(database) == before


def test_step_is_bounded_but_takes_one_line(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_chain(root, 3, 4)
    write_chain(root, 3, 4, OTHER)
    monkeypatch.setattr(chainsteps, "MOST_ROWS", 10)
    due, held, sizes = {SESSION: 0, OTHER: 0}, dict[str, Place](), []
    while due:
        found = chainsteps.read_on(Layout(root), due, held)
        sizes.append([len(step.segments) for step in found.steps])
        held |= {step.after.session: step.after for step in found.steps}
        due = found.more
    # An opening and its head, then a head behind each three; at last a look whether there is more by now.
    assert sizes == [[6], [6], [6, 2], [4], []]
    monkeypatch.setattr(chainsteps, "MOST_BYTES", 1)
    assert [len(step.segments) for step in chainsteps.read_on(Layout(root), {SESSION: 0}, {}).steps] == [0]
