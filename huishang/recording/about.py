"""What stands in a recorded file's head: whose picture or sound it is, and which recordings it belongs to. Core.

A file that nobody closed is found again with nothing but itself; so it says where it belongs. But it may be given away
with one recording's bundle, which must say nothing of any other: a recording is named by a digest that only who knows
its identifier can tell, and that is another for every track.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Final

from dispatch.permissions import owner_of
from dispatch.tables import Tables

#: Of recordings that one source is in at the same time; further ones go without it.
MOST_RECORDINGS: Final = 48
_RECORDING: Final = "recording."
_MOST_CHARACTERS: Final = 256


def about_of(tables: Tables, source: str, kind: str) -> dict[str, str]:
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
    return {name: value[:_MOST_CHARACTERS] for name, value in about.items()}


def with_recordings(about: Mapping[str, str], track: str, recordings: Iterable[str]) -> dict[str, str]:
    """Return what stands in a file of a track that belongs to these recordings."""
    some = list(recordings)[:MOST_RECORDINGS]
    return {**about, **{f"{_RECORDING}{number}": _named(track, each) for number, each in enumerate(some)}}


def recordings_of(about: Mapping[str, str], track: str, among: Iterable[str]) -> list[str]:
    """Return those of some recordings that a file belongs to."""
    names = names_in(about)
    return [each for each in among if _named(track, each) in names]


def names_in(about: Mapping[str, str]) -> frozenset[str]:
    """Return what a file's head calls the recordings that it belongs to."""
    return frozenset(value for name, value in about.items() if name.startswith(_RECORDING))


def names_of(track: str, recordings: Iterable[str]) -> frozenset[str]:
    """Return what the heads of a track's files call these recordings."""
    return frozenset(_named(track, each) for each in recordings)


def without_recordings(about: Mapping[str, str]) -> dict[str, str]:
    """Return what a chain says of a file."""
    return {name: value for name, value in about.items() if not name.startswith(_RECORDING)}


def _named(track: str, recording: str) -> str:
    return hashlib.sha256(f"huishang/recording/1\n{track}\n{recording}".encode()).hexdigest()
