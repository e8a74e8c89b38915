"""What the interface tells of dispatch's records: their own fields, without what belongs to the server or to few."""

from __future__ import annotations

import msgspec

from dispatch.records import Consultation, Endpoint, Grant, Message, Participant, Person, Policy, Role, Stage, Unit


class PersonShown(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody. `login`, which guesses begin with, and `roles` are told to who may manage the person, and to itself."""

    id: str
    unit: str
    name: str
    login: str
    title: str
    disabled: bool
    roles: tuple[Role, ...] = ()


class ConsultationShort(msgspec.Struct, frozen=True, kw_only=True):
    """A consultation as everybody who may know of it sees it."""

    id: str
    title: str
    unit: str
    chair: str
    stage: Stage
    begins_us: int
    started_us: int
    ended_us: int
    locked: bool


class _Page(msgspec.Struct, frozen=True, kw_only=True):
    next: str


class Units(_Page, frozen=True, kw_only=True):
    """A page of units. `next`: the cursor of the next page, or ""."""

    items: tuple[Unit, ...]


class People(_Page, frozen=True, kw_only=True):
    """A page of people. `next`: the cursor of the next page, or ""."""

    items: tuple[PersonShown, ...]


class Endpoints(_Page, frozen=True, kw_only=True):
    """A page of endpoints. `next`: the cursor of the next page, or ""."""

    items: tuple[Endpoint, ...]


class Consultations(_Page, frozen=True, kw_only=True):
    """A page of consultations, the newest first. `next`: the cursor of the next page, or ""."""

    items: tuple[ConsultationShort, ...]


class Participants(_Page, frozen=True, kw_only=True):
    """A page of participants. `next`: the cursor of the next page, or ""."""

    items: tuple[Participant, ...]


class Messages(_Page, frozen=True, kw_only=True):
    """A page of messages, the newest first. `next`: the cursor of the next page, or ""."""

    items: tuple[Message, ...]


class Grants(_Page, frozen=True, kw_only=True):
    """A page of grants. `next`: the cursor of the next page, or ""."""

    items: tuple[Grant, ...]


class Policies(_Page, frozen=True, kw_only=True):
    """A page of policies of recording. `next`: the cursor of the next page, or ""."""

    items: tuple[Policy, ...]


def person_shown(person: Person, *, managed: bool) -> PersonShown:
    """Return what is told of a person, to somebody who manages it or not."""
    return PersonShown(
        id=person.id,
        unit=person.unit,
        name=person.name,
        login=person.login if managed else "",
        title=person.title,
        disabled=person.disabled,
        roles=person.roles if managed else (),
    )


def consultation_short(record: Consultation) -> ConsultationShort:
    """Return what is told of a consultation to who only may know of it."""
    return ConsultationShort(**{name: getattr(record, name) for name in ConsultationShort.__struct_fields__})
