"""Questions of the pages, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from dispatch.entry import Entry, public
from dispatch.errors import Unavailable
from dispatch.store.database import Database
from dispatch.store.migrating import upgrade
from dispatch.store.quality import Sample, Samples
from dispatch.store.reading import Place, Question, Reader
from tests.dispatch.store.entries import consultation, entry, message, participant
from tests.dispatch.store.lines import LinesJournal
from tests.dispatch.store.test_loading import store

#: Stamps of today have more than 32 bits.
NOON = 1_800_000_000_000_000


def told() -> list[list[Entry]]:
    """Give twelve acts of three people in two sessions, of one or two entries, a second apart."""
    made = []
    for number in range(12):
        at, actor, session = NOON + number * 1_000_000, f"person-{number % 3}", f"session-{number % 2}"
        act = [entry(f"verb-{number % 4}", f"thing:t{number % 5}", at, actor=actor, session=session, number=number)]
        if number % 4 == 0:
            act.append(entry("verb-9", "node", at, actor=actor, session=session, secret="hidden", open=1))
        made.append(act)
    return made


QUESTIONS: list[tuple[Question, Callable[[Entry], bool]]] = [
    (Question(), lambda entry: True),
    (Question(session="session-1"), lambda entry: entry.session == "session-1"),
    (Question(object="thing:t2"), lambda entry: entry.object == "thing:t2"),
    (
        Question(object="thing:t2", verb="verb-3", actor="person-1"),
        lambda entry: (entry.object, entry.verb, entry.actor) == ("thing:t2", "verb-3", "person-1"),
    ),
    (Question(object="node"), lambda entry: entry.object == "node"),
    (Question(actor="person-2"), lambda entry: entry.actor == "person-2"),
    (Question(verb="verb-3"), lambda entry: entry.verb == "verb-3"),
    (Question(from_us=NOON + 3_000_000), lambda entry: entry.at_us >= NOON + 3_000_000),
    (Question(until_us=NOON + 3_000_000), lambda entry: entry.at_us < NOON + 3_000_000),
    (Question(from_us=NOON + 12_000_000), lambda entry: False),
    (Question(until_us=NOON), lambda entry: False),
    (
        Question(from_us=NOON + 2_000_001, until_us=NOON + 9_000_000, session="session-0", actor="person-0"),
        lambda entry: (
            NOON + 2_000_001 <= entry.at_us < NOON + 9_000_000
            and entry.session == "session-0"
            and entry.actor == "person-0"
        ),
    ),
    (Question(actor="nobody"), lambda entry: False),
]


@pytest.mark.parametrize("newest_first", [True, False])
async def test_timeline_answers_each_question_page_by_page(
    database: Database, journal: LinesJournal, newest_first: bool
) -> None:
    journal.add(*told())
    await store(database, journal)
    reader = Reader(database)
    entries = [public(entry) for act in told() for entry in act]
    for question, belongs in QUESTIONS:
        expected = [entry for entry in entries if belongs(entry)]
        found: list[Entry] = []
        cursor: Place | None = None
        while page := await reader.timeline(question, cursor, 2, newest_first=newest_first):
            assert len(page) <= 2
            found += [item.entry for item in page]
            cursor = page[-1].place
        if newest_first:
            found.reverse()
        without_ids = [msgspec.structs.replace(entry, id="") for entry in found]
        assert without_ids == [msgspec.structs.replace(entry, id="") for entry in expected], question
        assert "hidden" not in repr(found)


async def test_limit_of_a_page_is_bounded(
    database: Database, journal: LinesJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dispatch.store.reading.MOST_ROWS", 3)
    journal.add([consultation("c")], *([message(f"m{number}", "c", NOON)] for number in range(5)))
    await store(database, journal)
    reader = Reader(database)
    assert len(await reader.timeline(Question(), limit=10**9)) == 3
    assert len(await reader.messages("c", limit=10**9)) == 3


async def test_messages_are_told_newest_first_page_by_page(database: Database, journal: LinesJournal) -> None:
    said = [message(f"m{number:02}", "c", NOON + number // 3) for number in range(10)]
    journal.add([consultation("c"), consultation("d")], said, [message("other", "d", NOON)])
    await store(database, journal)
    found: list[str] = []
    before: tuple[int, str] | None = None
    while page := await Reader(database).messages("c", before, 4):
        found += [text.id for text in page]
        before = (page[-1].at_us, page[-1].id)
    assert found == [f"m{number:02}" for number in reversed(range(10))]


async def test_ended_consultations_are_told_with_who_took_part(database: Database, journal: LinesJournal) -> None:
    ended = [consultation(f"c{number}", stage="ended", ended_us=NOON + number // 2) for number in range(5)]
    journal.add(ended, [consultation("running")], [participant(f"p{number}", "c3") for number in range(3)])
    await store(database, journal)
    reader = Reader(database)
    found: list[str] = []
    before: tuple[int, str] | None = None
    while page := await reader.ended(before, 2):
        found += [item.id for item in page]
        before = (page[-1].ended_us, page[-1].id)
    assert found == ["c4", "c3", "c2", "c1", "c0"]
    first = await reader.participants("c3", limit=2)
    rest = await reader.participants("c3", after=first[-1].id)
    assert [item.id for item in first + rest] == ["p0", "p1", "p2"]
    one = await reader.consultation("c3")
    assert one is not None and one.ended_us == NOON + 1
    assert await reader.consultation("nothing") is None
    assert [item.id for item in await reader.consultations(("c3", "running", "nothing"))] == ["c3", "running"]
    whose = rest[-1].person
    assert [item.id for item in await reader.places(whose, ("c3",)) if item.id == rest[-1].id] == [rest[-1].id]
    assert await reader.places(whose, ("c2",)) == [] and await reader.places("nobody", ("c3",)) == []


def sample(at_us: int, **values: object) -> Sample:
    told = {"session": "c", "participant": "p", "source": "s", "kind": "video", "direction": "receive", **values}
    return msgspec.convert({"at_us": at_us, **told}, Sample)


async def test_recordings_are_told_by_their_ids_running_or_over(database: Database, journal: LinesJournal) -> None:
    values: dict[str, Any] = {"of": "source:s", "unit": "u", "title": "渡口", "why": "asked", "begun_us": NOON}
    made = [entry("recording.begin", f"recording:r{number}", NOON, **values) for number in range(3)]
    journal.add(made, [entry("recording.end", "recording:r1", NOON, ended_us=NOON + 9)])
    await store(database, journal)
    found = await Reader(database).recordings(("r0", "r1", "nothing"))
    assert sorted((item.id, item.ended_us, item.title) for item in found) == [
        ("r0", 0, "渡口"),
        ("r1", NOON + 9, "渡口"),
    ]
    assert await Reader(database).recordings(("\0",)) == []


async def test_quality_is_told_by_session_and_time_page_by_page(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dispatch.store.reading.MOST_SAMPLES", 2)
    await upgrade(database)
    kept = [
        sample(NOON + second, participant=who, rtt_us=None if who == "p" else 30_000, lost_ppm=second)
        for second in range(3)
        for who in ("p", "q")
    ]
    await Samples(database).add([*kept, sample(NOON, session="other"), sample(NOON + 3), sample(NOON - 1)])
    reader = Reader(database)
    found: list[Sample] = []
    after: Sample | None = None
    while page := await reader.quality("c", NOON, NOON + 3, after=after):
        found += page
        after = page[-1]
    assert found == kept
    assert await reader.quality("c", NOON, NOON + 2, "q") == [kept[1], kept[3]]


async def test_database_that_is_gone_is_said_to_be(database: Database) -> None:
    reader = Reader(database)
    for answer in (reader.timeline(Question()), reader.messages("c"), reader.ended(), reader.quality("c", 0, 1)):
        with pytest.raises(Unavailable) as caught:
            await answer
        assert caught.value.code == "database-gone"


async def test_strange_values_in_a_question_find_nothing_and_do_no_harm(
    database: Database, journal: LinesJournal
) -> None:
    journal.add(*told())
    await store(database, journal)
    reader = Reader(database)
    huge, nul = 10**30, "a\0b"
    assert await reader.timeline(Question(from_us=huge), (huge, huge)) == []
    assert await reader.timeline(Question(until_us=-huge)) == []
    assert await reader.timeline(Question(session=nul, object=f"{nul}:{nul}", actor=nul, verb="v" * 10_000)) == []
    assert len(await reader.timeline(Question(until_us=huge), limit=-1)) == 1
    assert await reader.messages(nul, (huge, nul)) == [] and await reader.ended((-huge, nul)) == []
    assert await reader.consultations((nul,)) == [] and await reader.places(nul, (nul,)) == []
    assert await reader.participants(nul, nul) == [] and await reader.consultation(nul) is None
    assert await reader.quality(nul, -huge, huge, nul) == []
