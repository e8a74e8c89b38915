"""Rights beyond the roles, for a time: given to a person or to all people of a unit and below it.

Who gives one holds it himself by a role, or by the place in the consultation that it is about, never by another grant:
what was lent cannot be lent on, and so ends when it was said to end. Beside that the giver needs ADMIN of the object;
for what a running matter needs (`LENT_BY_CHAIR`) CHAIR is enough, so that a duty officer can show a camera to a
neighbour at night. Of a recording only looking at it and taking it away can be given.
"""

from __future__ import annotations

from dispatch.acts.base import Act, Desk, declare
from dispatch.errors import Forbidden, Full, Invalid
from dispatch.permissions import Right
from dispatch.records import Grant

MAX_LENGTH_US = 366 * 86_400_000_000
#: In force, to one holder and about one object: what is removed takes all of them with it in one act.
MAX_HELD = 200
MAX_ABOUT = 1_000
LENT_BY_CHAIR = frozenset({Right.SEE, Right.VIEW, Right.TALK, Right.STEER, Right.INVITE, Right.PUBLISH})
_OBJECTS = ("unit", "person", "endpoint", "consultation", "recording")
_HOLDERS = ("unit", "person")
_OF_RECORDINGS = frozenset({Right.REPLAY, Right.EXPORT})


class Give(Act, frozen=True, kw_only=True):
    """`object` is `kind:id`, a source being its endpoint's; `to` is `person:id` or `unit:id`; `from_us` 0 is now."""

    verb: Right
    object: str
    to: str
    from_us: int = 0
    until_us: int


@declare(
    "grant.give",
    Give,
    right=None,
    why="the right itself, and ADMIN or CHAIR by the kind of right, are needed on the object",
    http="POST /grants",
    summary="Give a person or unit a right for a time",
)
def _give(desk: Desk, act: Give) -> str:
    _check_exists(desk, act.object, _OBJECTS, "object")
    _check_exists(desk, act.to, _HOLDERS, "to")
    if act.object.startswith("recording:") and act.verb not in _OF_RECORDINGS:
        raise Invalid("not-of-recordings", "of a recording replay and export can be given", "verb")
    _require_lender(desk, act.verb, act.object)
    begins = max(act.from_us, desk.now_us)
    if act.until_us <= begins:
        raise Invalid("out-of-range", "a grant ends after it begins and after now", "until_us")
    if act.until_us - desk.now_us > MAX_LENGTH_US:
        raise Invalid("too-long", "a grant ends within a year", "until_us")
    held, about = desk.tables.grants_to.ids(act.to), desk.tables.grants_on.ids(act.object)
    over = {item for item in (*held, *about) if desk.tables.grants.get(item).until_us <= desk.now_us}
    if len(set(held) - over) >= MAX_HELD or len(set(about) - over) >= MAX_ABOUT:
        raise Full("grant-limit", f"{MAX_HELD} grants to one and {MAX_ABOUT} about one are the limit")
    for identifier in sorted(over):
        desk.remove("grant.end", f"grant:{identifier}")
    grant = Grant(
        id=desk.new_id(),
        verb=act.verb,
        object=act.object,
        to=act.to,
        from_us=begins,
        until_us=act.until_us,
        by=desk.actor.person,
    )
    return desk.create("grant.give", "grant", grant)


class Revoke(Act, frozen=True, kw_only=True):
    """Take a grant back before its time."""

    grant: str


@declare(
    "grant.revoke",
    Revoke,
    right=None,
    why="who gave it, or ADMIN of its object, may take it back",
    http="DELETE /grants/{grant}",
    summary="Take a grant back",
)
def _revoke(desk: Desk, act: Revoke) -> str:
    grant = desk.tables.grants.get(act.grant)
    if desk.actor.is_system or grant.by != desk.actor.person:
        desk.require(Right.ADMIN, grant.object)
    desk.remove("grant.revoke", f"grant:{grant.id}")
    return ""


def drop_grants(desk: Desk, target: str) -> None:
    """Enter the end of all grants to, and about, something that is removed."""
    found = dict.fromkeys((*desk.tables.grants_to.ids(target), *desk.tables.grants_on.ids(target)))
    for identifier in found:
        desk.remove("grant.revoke", f"grant:{identifier}")


def _check_exists(desk: Desk, target: str, kinds: tuple[str, ...], field: str) -> None:
    kind, _, identifier = target.partition(":")
    if kind not in kinds:
        raise Invalid("invalid-target", f"{' or '.join(kinds)}, a colon and an id", field)
    desk.tables.of_kind(kind).get(identifier)


def _require_lender(desk: Desk, right: Right, target: str) -> None:
    kind, _, identifier = target.partition(":")
    consultation = desk.tables.consultations.find(identifier) if kind == "consultation" else None
    runs_it = consultation is not None and desk.actor.person in (consultation.chair, *consultation.deputies)
    if runs_it and right in LENT_BY_CHAIR:
        return
    if not desk.permissions.by_role(desk.actor, right, target):
        raise Forbidden("not-yours-to-give", f"{desk.actor.person} has {right} of {target} by no role", "verb")
    if not (right in LENT_BY_CHAIR and desk.permissions.by_role(desk.actor, Right.CHAIR, target)):
        desk.require(Right.ADMIN, target)
