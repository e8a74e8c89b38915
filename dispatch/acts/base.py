"""How an act is declared and decided: `decide` looks at the state, refuses or says which entries it makes.

An act is a message (its fields come from outside) and a function. Declaring it says which right it needs on which
object and under which address it stands in the HTTP interface, so that no act can be without either. Core.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from dispatch.errors import Forbidden, Invalid
from dispatch.fold import GONE, plain
from dispatch.ids import NewId
from dispatch.permissions import Actor, Permissions, Right
from dispatch.records import Record
from dispatch.tables import Tables

MAX_NAME_CHARACTERS = 64
MAX_TEXT_CHARACTERS = 2_000


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all acts. Unknown fields are a newer page's and ignored."""


A = TypeVar("A", bound=Act)
R = TypeVar("R", bound=Record)


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry before it has an id, a stamp and an author."""

    verb: str
    object: str
    params: dict[str, Any]
    session: str = ""


@dataclass(slots=True)
class Desk:
    """What an act may look at when it decides, and where it puts its entries."""

    tables: Tables
    permissions: Permissions
    actor: Actor
    now_us: int
    new_id: NewId
    drafts: list[Draft] = field(default_factory=list)

    def require(self, right: Right, target: str) -> None:
        """Raise Forbidden unless the actor has the right."""
        self.permissions.require(self.actor, right, target, self.now_us)

    def require_system(self) -> None:
        """Raise Forbidden unless the node itself acts."""
        if not self.actor.is_system:
            raise Forbidden("node-only", "only the node itself does this")

    def create(self, verb: str, kind: str, record: Record, session: str = "") -> str:
        """Enter a new object with all its values; return its id."""
        self.drafts.append(Draft(verb, f"{kind}:{record.id}", plain(record), session))
        return record.id

    def change(self, verb: str, target: str, session: str = "", **values: Any) -> None:
        """Enter new values of an object's fields."""
        self.drafts.append(Draft(verb, target, msgspec.to_builtins(values), session))

    def amend(self, verb: str, kind: str, old: R, new: R) -> None:
        """Enter the fields in which `new` differs from `old`; nothing when there are none."""
        values = {
            name: getattr(new, name) for name in new.__struct_fields__ if getattr(new, name) != getattr(old, name)
        }
        if values:
            self.change(verb, f"{kind}:{old.id}", **values)

    def remove(self, verb: str, target: str, session: str = "", **told: Any) -> None:
        """Enter that an object is gone; `told`: what of it is to be known afterwards."""
        self.drafts.append(Draft(verb, target, {GONE: True, **told}, session))


#: Decides one act: appends to `desk.drafts`; returns the id of what was made, or "".
Decide = Callable[[Desk, A], str]


@dataclass(frozen=True, slots=True)
class Spec:
    """A declared act. `right` on the object that `target` names is required before `decide` is asked.

    `right` None: everybody who is signed in may ask, `decide` itself refuses (`why` says what protects it).
    `path` follows /api/v1; its fields in braces are taken from the address, the others from the body. An act without
    one cannot be sent by a page: a shell makes it, which has checked or made a secret before.
    """

    name: str
    act: type[Act]
    right: Right | None
    target: Callable[[Any], str]
    method: str
    path: str
    decide: Decide[Any]
    summary: str
    why: str = ""

    @property
    def path_fields(self) -> tuple[str, ...]:
        """The act's fields that stand in its address."""
        return tuple(re.findall(r"{(\w+)}", self.path))


#: name -> spec, filled by `declare` when the modules of acts are imported.
ACTS: dict[str, Spec] = {}
_SPEC_OF: dict[type[Act], Spec] = {}


def declare(
    name: str,
    act: type[A],
    *,
    right: Right | None,
    target: Callable[[A], str] = lambda act: "node",
    http: str = "",
    summary: str,
    why: str = "",
) -> Callable[[Decide[A]], Decide[A]]:
    """Declare an act; decorates the function that decides it. `http`: "METHOD /path", or "" for no address."""
    assert name not in ACTS, f"two acts are called {name}"
    assert right is not None or why, f"{name} needs a right, or a reason why not"
    method, _, path = http.partition(" ")

    def register(decide: Decide[A]) -> Decide[A]:
        ACTS[name] = _SPEC_OF[act] = Spec(name, act, right, target, method, path, decide, summary, why)
        return decide

    return register


def decide(desk: Desk, act: Act) -> str:
    """Decide an act: fill `desk.drafts` and return the id of what it makes. Raises Refused."""
    spec = _SPEC_OF[type(act)]
    if not desk.actor.is_system:
        # Also for acts that need no right: who was shut out a moment ago may still have a page.
        person = desk.tables.people.find(desk.actor.person)
        if person is None or person.disabled:
            raise Forbidden("forbidden", f"{desk.actor.person} may do nothing here any more")
    if spec.right is not None:
        desk.require(spec.right, spec.target(act))
    return spec.decide(desk, act)


def clean_text(text: str, where: str, most: int = MAX_NAME_CHARACTERS, *, required: bool = True) -> str:
    """Return a text without control characters and direction marks, spaces joined. Raises Invalid.

    Names with emoji and of any script pass; what could disguise a name or break a line does not.
    """
    if len(text) > 4 * most:
        raise Invalid("too-long", f"{where} has {len(text)} characters, {most} are allowed", where)
    if not text.isprintable():  # most are, and then there is nothing to take out
        text = "".join(" " if unicodedata.category(char) in ("Cc", "Zl", "Zp", "Cs") else char for char in text)
        text = "".join(char for char in text if char not in _MARKS)
    cleaned = " ".join(text.split())
    if len(cleaned) > most:
        raise Invalid("too-long", f"{where} has {len(cleaned)} characters, {most} are allowed", where)
    if required and not cleaned:
        raise Invalid("empty", f"{where} is empty", where)
    return cleaned


#: Direction overrides and isolates, and characters without width that make two names look alike. The joiners stay:
#: emoji and several scripts need them.
_MARKS = frozenset("\u061c\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff")
