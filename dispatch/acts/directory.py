"""The directory as files: what one brings in, as many changes in one act, and that somebody took one out.

See `dispatch.directory.importing` and `exporting`. An act is one journal record, so all of its steps happen or none. A
file of 100,000 rows is many acts of up to `MAX_STEPS`: each of them is atomic, the file is not. Bringing the same file
in again goes on where it stopped.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from dispatch.acts import endpoints, people, units
from dispatch.acts.base import Act, Desk, decide, declare
from dispatch.acts.consultation import acting_person
from dispatch.errors import Full, Invalid, Refused
from dispatch.fold import set_fields

#: A record of some 200 KB, and some 20 ms in which nothing else is decided.
MAX_STEPS = 500
#: What the entries of one act may hold, as JSON: the journal keeps records of up to 1 MiB.
MAX_ENTRIES_BYTES = 700_000
#: Of an entry, beside its params: identifiers, stamp, origin.
_ENTRY_BYTES = 350
#: The acts that a step may be.
STEPS: dict[str, type[Act]] = {
    "unit.create": units.Create,
    "unit.change": units.Change,
    "person.create": people.Create,
    "person.change": people.Change,
    "person.roles": people.SetRoles,
    "person.disable": people.Disable,
    "person.enable": people.Enable,
    "endpoint.create": endpoints.Create,
    "endpoint.change": endpoints.Change,
    "endpoint.disable": endpoints.Disable,
    "endpoint.enable": endpoints.Enable,
}


class Step(msgspec.Struct, frozen=True):
    """One of `STEPS` and its values. Nobody else knows the ids that an import gives, so `create` may name its own."""

    name: str
    values: dict[str, Any]


class Import(Act, frozen=True, kw_only=True):
    """Take these steps, in this order, or none of them."""

    steps: tuple[Step, ...]


@declare(
    "directory.import",
    Import,
    right=None,
    why="every step needs the right that it needs as an act of its own",
    http="POST /directory/steps",
    summary="Change many things of the directory at once, or nothing",
)
def _import(desk: Desk, act: Import) -> str:
    if len(act.steps) > MAX_STEPS:
        raise Full("step-limit", f"{MAX_STEPS} steps an act are the limit")
    # A step may build on the one before, so each is tried on the tables; what has happened is for the caller to say.
    mark = desk.tables.mark
    size = 0
    try:
        for number, step in enumerate(act.steps):
            try:
                size += take(desk, step_act(step))
            except Refused as refusal:
                raise type(refusal)(refusal.code, f"step {number}: {refusal}", f"steps.{number}") from refusal
    finally:
        desk.tables.rollback(mark)
    if size > MAX_ENTRIES_BYTES:
        raise Full("import-too-large", f"entries of {size} bytes; {MAX_ENTRIES_BYTES} an act are the limit")
    return ""


class Export(Act, frozen=True, kw_only=True):
    """A file with `count` records of the directory goes to who acts. `of`: their kind, "" for all kinds."""

    format: Literal["csv", "json"]
    of: Literal["", "unit", "person", "endpoint"] = ""
    count: int


@declare(
    "directory.export",
    Export,
    right=None,
    why="the shell makes it, which has looked for the right to export at every record",
    summary="Note that the directory was taken out",
)
def _export(desk: Desk, act: Export) -> str:
    person = acting_person(desk)
    if act.count < 0:
        raise Invalid("out-of-range", "a file holds no less than nothing", "count")
    # An object of a kind that is not kept: it is an event, and changes nothing of the directory.
    values: dict[str, Any] = {"person": person.id, "format": act.format, "of": act.of, "count": act.count}
    desk.change("directory.export", f"export:{person.id}", **values)
    return ""


def step_act(step: Step) -> Act:
    """Return the act that a step is. Raises Invalid."""
    if step.name not in STEPS:
        raise Invalid("step-unknown", f"{step.name[:40]!r} is no step of an import")
    try:
        return msgspec.convert(step.values, STEPS[step.name])
    except msgspec.ValidationError as error:
        raise Invalid("invalid-step", str(error)) from error


def take(desk: Desk, act: Act) -> int:
    """Decide an act and set in the tables what it enters; return about how many bytes that is. Raises Refused."""
    first = len(desk.drafts)
    decide(desk, act)
    size = 0
    for draft in desk.drafts[first:]:
        set_fields(desk.tables, draft.object, draft.params)
        size += _ENTRY_BYTES + len(msgspec.json.encode(draft.params))
    return size
