"""What a node starts with, on SQLite and on PostgreSQL."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import text

from dispatch.store.database import Database
from dispatch.store.folding import MESSAGES_IN_MEMORY
from dispatch.store.loading import Loaded, load
from dispatch.store.projector import prepare
from dispatch.store.reading import Reader
from dispatch.store.writing import project
from dispatch.tables import CLEARING
from tests.dispatch.store.entries import consultation, entry, message, participant, recording, unit
from tests.dispatch.store.lines import LinesJournal


async def store(database: Database, journal: LinesJournal) -> None:
    """Project all of the journal."""
    position = await prepare(database, journal)
    records = [item for batch in journal.read(position) for item in batch]
    async with database.begin() as connection:
        await project(connection, journal.identity, position, records)


def ids(loaded: Loaded, kind: str) -> set[str]:
    return {record.id for record in loaded.tables.of_kind(kind)}


async def test_secrets_are_loaded_as_the_server_needs_them(database: Database, journal: LinesJournal) -> None:
    journal.add(
        [entry("person.password", "credential:anna", secret="hash", changed_us=7)],
        [entry("login.begin", "login:l", person="anna", begun_us=1, until_us=2, secret="digest")],
        [entry("welcome.create", "welcome:w", person="anna", until_us=2, secret="code")],
    )
    await store(database, journal)
    loaded = await load(database, journal)
    assert loaded.from_database == 3 and loaded.fault is None
    assert loaded.tables.credentials.get("anna").secret == "hash"
    assert loaded.tables.logins.get("l").secret == "digest"
    assert loaded.tables.welcomes.get("w").secret == "code"


async def test_ended_consultations_and_old_messages_stay_in_the_database(
    database: Database, journal: LinesJournal
) -> None:
    texts = [message(f"m{number:04}", "c", number) for number in range(MESSAGES_IN_MEMORY + 5)]
    journal.add(
        [consultation("c"), consultation("d"), consultation("s", stage="scheduled")],
        [participant("p", "c"), participant("q", "d")],
        [message("old", "d")],
        *([text] for text in texts),
        [entry("consultation.end", "consultation:d", stage="ended", ended_us=9)],
    )
    await store(database, journal)
    journal.add([message("n", "c", 10_000)])
    loaded = await load(database, journal)
    assert loaded.from_database == journal.position - 1
    assert ids(loaded, "consultation") == {"c", "s"} and ids(loaded, "participant") == {"p"}
    expected = {text.object_id for text in texts[6:]} | {"n"}
    assert ids(loaded, "message") == expected and len(expected) == MESSAGES_IN_MEMORY
    # In the order in which they were said: pages are told them so.
    assert list(loaded.tables.messages_of.ids("c")) == sorted(expected, key=lambda name: (name == "n", name))


async def test_recordings_are_loaded_as_long_as_there_may_be_files_of_them(
    database: Database, journal: LinesJournal
) -> None:
    journal.add(
        [recording("kept", ended_us=5), recording("going", ended_us=5, deleted_us=6), recording("gone", ended_us=5)],
        [entry("recording.delete", "recording:gone", deleted_us=6, deleted_by="brief: 30 days")],
        [entry("recording.clear", "recording:gone", cleared_us=7)],
        [recording("later", ended_us=5, deleted_us=6)],
    )
    await store(database, journal)
    journal.add([entry("recording.clear", "recording:later", cleared_us=8)])
    loaded = await load(database, journal)
    assert loaded.from_database == 4 and loaded.unfit == 0
    assert ids(loaded, "recording") == {"kept", "going"}
    assert list(loaded.tables.recordings_deleted.ids(CLEARING)) == ["going"]
    assert ids(await load(Database("sqlite:////nowhere/at.db"), journal), "recording") == {"kept", "going"}
    reader = Reader(database)
    assert [each.id for each in await reader.recordings_before()] == ["later", "kept", "gone", "going"]
    (gone,) = [each for each in await reader.recordings_before("kept", "source:s") if each.cleared_us]
    assert (gone.deleted_us, gone.deleted_by, gone.cleared_us) == (6, "brief: 30 days", 7)
    assert await reader.recordings_before(of="source:t") == []


async def test_rest_of_the_journal_may_be_about_what_the_database_alone_holds(
    database: Database, journal: LinesJournal
) -> None:
    journal.add(
        [consultation("c", stage="ended"), participant("p", "c"), consultation("d", stage="ended")],
        [participant("q", "d"), message("m", "d")],
    )
    await store(database, journal)
    journal.add(
        [entry("participant.leave", "participant:p", attendance="left")],
        [entry("consultation.start", "consultation:d", stage="running")],
    )
    loaded = await load(database, journal)
    assert loaded.unfit == 0
    assert (
        ids(loaded, "consultation") == {"d"} and ids(loaded, "participant") == {"q"} and ids(loaded, "message") == {"m"}
    )


async def test_clock_goes_on_after_the_newest_entry(database: Database, journal: LinesJournal) -> None:
    journal.add([unit("u", 2_000), unit("v", 5_000)])
    await store(database, journal)
    assert (await load(database, journal)).clock.last == (5_000, 0)
    journal.add([unit("w", 7_000)])
    clock = (await load(database, journal)).clock
    assert clock.last == (7_000, 0) and clock.tick(6_000) == (7_000, 1)


async def test_without_tables_the_whole_journal_is_folded(database: Database, journal: LinesJournal) -> None:
    journal.add([unit("u", 5)])
    loaded = await load(database, journal)
    assert loaded.from_database == 0 and loaded.fault is not None and loaded.fault.code == "database-old"
    assert ids(loaded, "unit") == {"u"} and loaded.clock.last == (5, 0)


async def test_database_of_another_journal_is_not_believed(
    database: Database, journal: LinesJournal, tmp_path: Path
) -> None:
    journal.add([unit("u")], [unit("v")])
    await store(database, journal)
    other = LinesJournal(tmp_path / "other", "journal-b")
    other.add([unit("x")])
    loaded = await load(database, other)
    assert loaded.fault is not None and loaded.fault.code == "database-foreign" and ids(loaded, "unit") == {"x"}
    restored = LinesJournal(tmp_path / "restored", journal.identity)
    restored.add([unit("u")])
    loaded = await load(database, restored)
    assert loaded.fault is not None and loaded.fault.code == "database-ahead" and ids(loaded, "unit") == {"u"}


async def test_database_of_a_newer_program_is_not_believed(database: Database, journal: LinesJournal) -> None:
    journal.add([unit("u")])
    await store(database, journal)
    async with database.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    loaded = await load(database, journal)
    assert loaded.fault is not None and loaded.fault.code == "database-newer" and ids(loaded, "unit") == {"u"}
