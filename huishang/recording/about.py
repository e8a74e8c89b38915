"""What stands in a recorded file's head: whose picture or sound it is, and which recordings it belongs to. Core.

A file that nobody closed is found again with nothing but itself; so it says where it belongs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from dispatch.permissions import owner_of
from dispatch.tables import Tables

#: Of recordings that one source is in at the same time; further ones go without it, and their chains say so.
MOST_RECORDINGS: Final = 48
_RECORDING: Final = "recording."
_MOST_CHARACTERS: Final = 256


def about_of(tables: Tables, source: str, kind: str, recordings: Iterable[str]) -> dict[str, str]:
    """Return what is known of a source now; `unit` and `person` are identifiers, the names are as people read them."""
    about = {"source": source, "kind": kind}
    person = tables.people.find(owner_of(source))
    endpoint = tables.endpoints.find(source)
    unit = tables.units.find(person.unit if person else endpoint.unit if endpoint else "")
    if person is not None:
        about |= {"person": person.id, "name": person.name}
    elif endpoint is not None:
        about |= {"name": endpoint.name_zh}
    if unit is not None:
        about |= {"unit": unit.id, "unit_name": unit.name_zh}
    about |= {f"{_RECORDING}{number}": each for number, each in enumerate(list(recordings)[:MOST_RECORDINGS])}
    return {name: value[:_MOST_CHARACTERS] for name, value in about.items()}


def recordings_of(about: Mapping[str, str]) -> tuple[str, ...]:
    """Return the recordings that a file belongs to, by what stands in it."""
    return tuple(value for name, value in about.items() if name.startswith(_RECORDING))


def without_recordings(about: Mapping[str, str]) -> dict[str, str]:
    """Return the rest: a session's chain names no other session."""
    return {name: value for name, value in about.items() if not name.startswith(_RECORDING)}
