"""The state of dispatch in memory: a table of records a kind, with indexes, and changes that can be taken back.

Every change goes through `put` and `drop`, is remembered until `commit`, and undone by `rollback`: what a journal could
not keep has not happened. The committed changes are what pages, the database and the relay are told. Core.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from dispatch.errors import Unknown
from dispatch.names import fold
from dispatch.records import (
    KINDS,
    TABLE_NAMES,
    Consultation,
    Credential,
    Endpoint,
    Grant,
    Login,
    Message,
    Participant,
    Person,
    Policy,
    Record,
    Recording,
    Unit,
    Welcome,
)

R = TypeVar("R", bound=Record)
#: The one key of what has not ended.
RUNNING = "running"
#: Of recordings that are deleted: the key of those whose files may still be there, and of those whose are gone.
CLEARING = "clearing"
CLEARED = "cleared"


@dataclass(frozen=True, slots=True)
class Change:
    """One record's step: `old` None when it is new, `new` None when it is gone."""

    kind: str
    id: str
    old: Record | None
    new: Record | None


class Index(Generic[R]):
    """Finds records by keys derived from them, one or several; the key "" is none."""

    def __init__(self, key: Callable[[R], str | tuple[str, ...]]) -> None:
        self._key = key
        self._ids: dict[str, dict[str, None]] = {}

    def __len__(self) -> int:
        """Return how many keys have a record."""
        return len(self._ids)

    def ids(self, key: str) -> Iterable[str]:
        """Return the ids of all records with this key, in the order in which they got it."""
        return tuple(self._ids.get(key, ()))

    def count(self, key: str) -> int:
        """Return how many records have this key."""
        return len(self._ids.get(key, ()))

    def first(self, key: str) -> str | None:
        """Return the first id with this key."""
        return next(iter(self._ids.get(key, ())), None)

    def step(self, old: R | None, new: R | None) -> None:
        """Follow a record's change."""
        before, after = self._keys(old), self._keys(new)
        if before == after:
            return
        if old is not None:
            for key in before.keys() - after.keys():
                held = self._ids[key]
                del held[old.id]
                if not held:
                    del self._ids[key]
        if new is not None:
            for key in after.keys() - before.keys():
                self._ids.setdefault(key, {})[new.id] = None

    def fill(self, records: Iterable[R]) -> None:
        """Take in records of which none is known."""
        for record in records:
            for key in self._keys(record):
                self._ids.setdefault(key, {})[record.id] = None

    def _keys(self, record: R | None) -> dict[str, None]:
        found = self._key(record) if record is not None else ()
        if isinstance(found, str):
            return {found: None} if found else {}
        return dict.fromkeys(key for key in found if key)


class Table(Generic[R]):
    """All records of one kind, by id."""

    def __init__(self, kind: str, note: Callable[[Change], None], indexes: Iterable[Index[R]] = ()) -> None:
        self.kind = kind
        self._rows: dict[str, R] = {}
        self._note = note
        self._indexes = tuple(indexes)
        self.version = 0
        """Another after every change, and after its being undone: whoever worked something out looks at that first."""

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[R]:
        return iter(self._rows.values())

    def __contains__(self, identifier: object) -> bool:
        return identifier in self._rows

    def find(self, identifier: str) -> R | None:
        """Return the record, None when there is none."""
        return self._rows.get(identifier)

    def get(self, identifier: str) -> R:
        """Return the record. Raises Unknown."""
        record = self._rows.get(identifier)
        if record is None:
            raise Unknown(f"{self.kind}-unknown", f"no {self.kind} {identifier[:40]!r}")
        return record

    def rows(self) -> tuple[R, ...]:
        """Return all records as they are now."""
        return tuple(self._rows.values())

    def put(self, record: R) -> None:
        """Add the record, or replace the one with its id."""
        self._step(record.id, record)

    def drop(self, identifier: str) -> None:
        """Take the record out; of no effect when there is none."""
        if identifier in self._rows:
            self._step(identifier, None)

    def fill(self, records: Iterable[R]) -> None:
        """Take records into an empty table. That is no change, and cannot be undone."""
        assert not self._rows
        self.version += 1
        self._rows = {record.id: record for record in records}
        for index in self._indexes:
            index.fill(self._rows.values())

    def _step(self, identifier: str, new: R | None) -> None:
        old = self._rows.get(identifier)
        self.version += 1
        if new is None:
            del self._rows[identifier]
        else:
            self._rows[identifier] = new
        for index in self._indexes:
            index.step(old, new)
        self._note(Change(self.kind, identifier, old, new))


class Tables:
    """All tables of the node."""

    def __init__(self) -> None:
        self._changes: list[Change] = []
        self.children: Index[Unit] = Index(lambda unit: unit.parent or "root")
        self.unit_of_name: Index[Unit] = Index(lambda unit: f"{unit.parent or 'root'}/{fold(unit.name_zh)}")
        self.unit_of_english: Index[Unit] = Index(
            lambda unit: f"{unit.parent or 'root'}/{fold(unit.name_en)}" if unit.name_en else ""
        )
        self.unit_of_code: Index[Unit] = Index(lambda unit: unit.code)
        self.person_of_login: Index[Person] = Index(lambda person: person.login)
        self.people_of_unit: Index[Person] = Index(lambda person: person.unit)
        self.endpoints_of_unit: Index[Endpoint] = Index(lambda endpoint: endpoint.unit)
        self.endpoint_of_gb: Index[Endpoint] = Index(lambda endpoint: endpoint.gb_id)
        self.logins_of_person: Index[Login] = Index(lambda login: login.person)
        self.grants_to: Index[Grant] = Index(lambda grant: grant.to)
        self.grants_on: Index[Grant] = Index(lambda grant: grant.object)
        self.participants_of: Index[Participant] = Index(lambda participant: participant.consultation)
        self.participant_of_person: Index[Participant] = Index(
            lambda item: f"{item.consultation}/{item.person}" if item.person else ""
        )
        self.participants_as: Index[Participant] = Index(lambda participant: participant.person)
        self.participants_for: Index[Participant] = Index(lambda participant: participant.source)
        self.participant_of_source: Index[Participant] = Index(
            lambda item: tuple(f"{item.consultation}/{source}" for source in item.sources)
        )
        self.messages_of: Index[Message] = Index(lambda message: message.consultation)
        self.recording_of: Index[Recording] = Index(lambda recording: "" if recording.ended_us else recording.of)
        self.recordings_running: Index[Recording] = Index(lambda recording: "" if recording.ended_us else RUNNING)
        self.policies_of: Index[Policy] = Index(lambda policy: policy.unit)
        self.recordings_deleted: Index[Recording] = Index(
            lambda item: "" if not item.deleted_us else CLEARED if item.cleared_us else CLEARING
        )
        note = self._changes.append
        self.units: Table[Unit] = Table(
            "unit", note, [self.children, self.unit_of_name, self.unit_of_english, self.unit_of_code]
        )
        self.people: Table[Person] = Table("person", note, [self.person_of_login, self.people_of_unit])
        self.endpoints: Table[Endpoint] = Table("endpoint", note, [self.endpoints_of_unit, self.endpoint_of_gb])
        self.credentials: Table[Credential] = Table("credential", note)
        self.logins: Table[Login] = Table("login", note, [self.logins_of_person])
        self.welcomes: Table[Welcome] = Table("welcome", note)
        self.grants: Table[Grant] = Table("grant", note, [self.grants_to, self.grants_on])
        self.consultations: Table[Consultation] = Table("consultation", note)
        self.participants: Table[Participant] = Table(
            "participant",
            note,
            [
                self.participants_of,
                self.participant_of_person,
                self.participants_as,
                self.participants_for,
                self.participant_of_source,
            ],
        )
        self.messages: Table[Message] = Table("message", note, [self.messages_of])
        self.recordings: Table[Recording] = Table(
            "recording", note, [self.recording_of, self.recordings_running, self.recordings_deleted]
        )
        self.policies: Table[Policy] = Table("policy", note, [self.policies_of])

    def of_kind(self, kind: str) -> Table[Record]:
        """Return the table of a key of `records.KINDS`."""
        assert kind in KINDS
        table: Table[Record] = getattr(self, TABLE_NAMES[kind])
        return table

    def rows(self) -> dict[str, tuple[Record, ...]]:
        """Return all records by kind: quickly made, and good for another thread, see `of`."""
        return {kind: self.of_kind(kind).rows() for kind in KINDS}

    @classmethod
    def of(cls, rows: Mapping[str, Iterable[Record]]) -> Tables:
        """Return tables that hold these records by kind, and nothing to undo."""
        tables = cls()
        for kind, records in rows.items():
            tables.of_kind(kind).fill(records)
        return tables

    @property
    def mark(self) -> int:
        """A point that `rollback` can go back to; void after `commit`."""
        return len(self._changes)

    def rollback(self, mark: int = 0) -> None:
        """Undo every change since the mark, or since the last commit."""
        undone = self._changes[mark:]
        del self._changes[mark:]
        kept = len(self._changes)
        for change in reversed(undone):
            table = self.of_kind(change.kind)
            if change.old is None:
                table.drop(change.id)
            else:
                table.put(change.old)
        del self._changes[kept:]

    def commit(self) -> tuple[Change, ...]:
        """Return the changes since the last commit, which from now on cannot be undone."""
        changes = tuple(self._changes)
        self._changes.clear()
        return changes
