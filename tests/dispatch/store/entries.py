"""Entries for the database's tests: a few made by hand, and any sequence of them for hypothesis."""

from __future__ import annotations

from itertools import count
from typing import Any, get_args, get_type_hints

import msgspec
from hypothesis import strategies as st

from dispatch.entry import VERSION, Entry, Origin
from dispatch.fold import GONE
from dispatch.records import KINDS, Record, Stage

_numbers = count()


def entry(verb: str, target: str, at_us: int = 0, /, *, actor: str = "anna", session: str = "", **params: Any) -> Entry:
    """Return an entry; its stamp is the time, its id fresh."""
    return Entry(
        v=VERSION,
        id=f"entry-{next(_numbers)}",
        node="test",
        hlc=(at_us, 0),
        verb=verb,
        actor=actor,
        object=target,
        session=session,
        origin=Origin(ip="192.0.2.1", device="page-1"),
        params=params,
    )


def unit(identifier: str, at_us: int = 0, **values: Any) -> Entry:
    """Return the entry that makes a unit."""
    told: dict[str, Any] = {"level": "county", "name_zh": "县", **values}
    return entry("unit.create", f"unit:{identifier}", at_us, **told)


def consultation(identifier: str, at_us: int = 0, **values: Any) -> Entry:
    """Return the entry that makes a running consultation."""
    told: dict[str, Any] = {"title": "会商", "unit": "u", "chair": "anna", "stage": "running", **values}
    return entry("consultation.create", f"consultation:{identifier}", at_us, session=identifier, **told)


def message(identifier: str, of: str, at_us: int = 0, text: str = "text") -> Entry:
    """Return the entry that says something."""
    told: dict[str, Any] = {"consultation": of, "person": "anna", "name": "Anna", "text": text, "at_us": at_us}
    return entry("message.say", f"message:{identifier}", at_us, session=of, **told)


def participant(identifier: str, of: str, at_us: int = 0, **values: Any) -> Entry:
    """Return the entry that lets somebody join."""
    told: dict[str, Any] = {"consultation": of, "unit": "u", "name": "Anna", "attendance": "present", **values}
    return entry("participant.join", f"participant:{identifier}", at_us, session=of, **told)


def recording(identifier: str, at_us: int = 0, **values: Any) -> Entry:
    """Return the entry that begins a recording."""
    told: dict[str, Any] = {"of": "source:s", "unit": "u", "title": "t", "why": "asked", "begun_us": 1, **values}
    return entry("recording.begin", f"recording:{identifier}", at_us, **told)


# Neither NUL, which the database does not keep, nor lone surrogates, which are no JSON.
_texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
_wholes = st.integers(-(2**63) + 1, 2**63 - 1)
_identifiers = st.sampled_from(["a", "b", "c", "会"])
_NAMES = {"consultation", "parent", "unit", "person"}


def _values(name: str, hint: Any) -> st.SearchStrategy[Any]:
    if name in _NAMES:
        return _identifiers
    if hint is str:
        return _texts
    if hint is int:
        return _wholes
    if hint is bool:
        return st.booleans()
    if hint is Stage:
        return st.sampled_from([str(stage) for stage in Stage])
    if isinstance(hint, type) and issubclass(hint, str):
        return st.sampled_from([str(item) for item in hint])  # type: ignore[attr-defined]
    return _nested(hint)


def _nested(hint: Any) -> st.SearchStrategy[Any]:
    struct = next((item for item in get_args(hint) if hasattr(item, "__struct_fields__")), None)
    if struct is None:
        return st.lists(_texts, max_size=3)
    fields = {name: _in_struct(inner) for name, inner in get_type_hints(struct).items()}
    made: st.SearchStrategy[Any] = st.fixed_dictionaries(fields)
    return st.none() | made if type(None) in get_args(hint) else st.lists(made, max_size=2)


def _in_struct(hint: Any) -> st.SearchStrategy[Any]:
    if hint is str:
        return _texts
    return _wholes if hint is int else st.dictionaries(_texts, _wholes, max_size=2)


def _hints(kind: str) -> dict[str, Any]:
    record: type[Record] = KINDS[kind]
    return {name: hint for name, hint in get_type_hints(record).items() if name in record.__struct_fields__[1:]}


@st.composite
def _entries(draw: st.DrawFn) -> Entry:
    kind = draw(st.sampled_from(list(KINDS)))
    fields = {name: _values(name, hint) for name, hint in _hints(kind).items()}
    shape = draw(st.sampled_from(["whole", "whole", "part", "gone", "strange"]))
    params: dict[str, Any]
    if shape == "whole":
        params = draw(st.fixed_dictionaries(fields))
    elif shape == "part":
        # Without an object this is an entry that no act makes, and it must not do harm.
        params = draw(st.fixed_dictionaries({}, optional=fields))
    elif shape == "gone":
        params = {GONE: True}
    else:
        params = {"of_a_newer_version": draw(_texts | _wholes)}
    return entry(draw(_texts), f"{kind}:{draw(_identifiers)}", session=draw(_identifiers), **params)


@st.composite
def acts(draw: st.DrawFn) -> list[list[Entry]]:
    """Any acts: objects made, changed, removed and made again, also by entries that do not fit."""
    made = draw(st.lists(st.lists(_entries(), min_size=1, max_size=3), max_size=25))
    stamps = count(1_700_000_000_000_000)
    return [[_at(item, next(stamps)) for item in act] for act in made]


def _at(item: Entry, at_us: int) -> Entry:
    return msgspec.structs.replace(item, hlc=(at_us, at_us % 3))
