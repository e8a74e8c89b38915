"""What was exported comes in again as it was, and no spreadsheet calculates with it."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.acts import people
from dispatch.acts.base import clean_text
from dispatch.directory import columns
from dispatch.directory.exporting import Language, csv_of, json_of
from dispatch.directory.importing import plan
from dispatch.directory.reading import File
from dispatch.errors import Refused
from dispatch.names import fold
from dispatch.permissions import ROLES, SYSTEM
from dispatch.records import EndpointKind, Level, Role
from dispatch.tables import Tables
from tests.dispatch.directory.office import NOW_US, Office, Province

NAMES = st.text(min_size=1, max_size=64).filter(lambda name: len(name.strip()) > 0)
NASTY = st.sampled_from(
    ["=1+1", "-1", "+86", "@x", "＝1", "'=1", "''x", "007", "1" * 20, "a/b", 'a"b,c;d', "是", "a\tb", "①"]
)


def grown(names: list[str], deep: list[int], tail: int) -> Office:
    """Make a tree of units with these names, a person and an endpoint in each; what the rules refuse is left out."""
    office = Office()
    made: list[str] = []
    for number, name in enumerate(names):
        try:
            parent = made[deep[number] % len(made)] if made else ""
            made.append(office.unit(name, parent, Level.TOWNSHIP, str(10**tail + number) if number % 2 else ""))
        except Refused:
            continue
        office.camera(name, made[-1], str(10**19 + number) if number % 3 else "")
        office.camera(name, made[-1])
        login = office.person(f"login-{number}", made[-1])
        roles = (Role("member", made[-1]), Role("duty-officer", made[0]))
        office.act(people.SetRoles(person=login, roles=roles))
        if number % 2:
            office.act(people.Disable(person=login))
    return office


def files(office: Office, language: Language | None) -> list[File]:
    tables = office.tables
    if language is None:
        return [File("all.json", json_of(tables.units, tables.people, tables.endpoints))]
    return [File(kind, csv_of(kind, tables.of_kind(kind), language)) for kind in columns.COLUMNS]


@given(st.lists(NAMES | NASTY, min_size=1, max_size=8), st.lists(st.integers(0, 9), min_size=8, max_size=8), st.data())
def test_an_export_comes_in_again_as_it_was(names: list[str], deep: list[int], data: st.DataObject) -> None:
    office = grown(names, deep, data.draw(st.integers(1, 11)))
    language: Language | None = data.draw(st.sampled_from(["zh", "en", None]))
    exported = files(office, language)
    empty = Office()
    done = plan(Tables(), SYSTEM, NOW_US, empty.new_id, exported)
    assert not done.refused
    for batch in done.batches():
        empty.act(batch)
    assert {kind: set(rows) for kind, rows in empty.tables.rows().items()} == {
        kind: set(rows) for kind, rows in office.tables.rows().items()
    }
    again = plan(Tables.of(office.tables.rows()), SYSTEM, NOW_US, office.new_id, exported)
    assert (
        again.rows == ()
        and not again.refused
        and again.unchanged == sum(len(rows) for rows in office.tables.rows().values())
    )


@given(NAMES | NASTY, st.sampled_from(["zh", "en"]))
def test_no_cell_can_be_calculated_with(name: str, language: Language) -> None:
    cleaned = clean_text(name, "name_zh", required=False)
    if not fold(cleaned):
        return
    office = Office()
    unit = office.unit(name)
    office.camera(name, unit, "3" * 20)
    for kind in ("unit", "endpoint"):
        text = csv_of(kind, office.tables.of_kind(kind), language).decode("utf-8-sig")
        for cell in next(reversed(list(csv.reader(io.StringIO(text, newline=""))))):
            assert cell[:1] not in {"=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠"}
            assert not (cell.isascii() and cell.isdigit() and len(cell) > 11)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_value_has_a_word_that_is_read_again(language: Language) -> None:
    office = Province()
    for kind in EndpointKind:
        office.camera(kind, office.county)
    assert set(columns.LEVELS) == set(Level) and set(columns.KINDS) == set(EndpointKind)
    assert set(columns.ROLES) == set(ROLES)
    text = csv_of("endpoint", office.tables.endpoints, language)
    assert text.startswith(b"\xef\xbb\xbf")
    assert text.decode("utf-8-sig").splitlines()[0].split(",")[2] == ("终端类型" if language == "zh" else "kind")


@pytest.mark.parametrize("words", [columns.LEVELS, columns.KINDS, columns.ROLES, columns.WHATS, columns.YES_NO])
def test_no_word_means_two_things(words: dict[str, tuple[str, ...]]) -> None:
    every = [columns.plain(word) for value, others in words.items() for word in {value, *others}]
    assert len(set(every)) == len(every)


@pytest.mark.parametrize("kind", columns.COLUMNS)
def test_no_header_means_two_fields(kind: str) -> None:
    every = [
        columns.plain(name)
        for column in (*columns.COLUMNS[kind], columns.WHAT)
        for name in {column.zh, column.en, *column.others}
    ]
    assert len(set(every)) == len(every)
