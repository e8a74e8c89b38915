"""People: making, changing, moving and removing them, their roles, their passwords, letting them in or not.

Nobody has power over who can do more than he himself: whoever changes a person must hold, by role, every right that the
person's roles give, where they give it. Otherwise a password set below would open a door above.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from dispatch.acts.base import Act, Desk, clean_text, declare
from dispatch.acts.consultation import leave_record
from dispatch.acts.grants import drop_grants
from dispatch.acts.signin import end_logins
from dispatch.directory import rules
from dispatch.entry import SECRET
from dispatch.errors import Conflict, Forbidden, Full, Invalid, Unknown
from dispatch.permissions import ROLES, Right
from dispatch.records import Attendance, Person, Role, Stage

MAX_ROLES = 16
#: An argon2id hash as argon2-cffi writes it, and what checking it may cost: KiB, rounds, threads.
_ARGON2 = re.compile(
    r"\$argon2id\$v=19\$m=(\d{1,9}),t=(\d{1,4}),p=(\d{1,4})\$[A-Za-z0-9+/]{11,88}\$[A-Za-z0-9+/]{22,88}\Z"
)
_ARGON2_MOST = (1 << 20, 16, 16)


class Create(Act, frozen=True, kw_only=True):
    """`id`: what the person is called elsewhere, "" for a new identifier. `roles` as in `person.roles`."""

    unit: str
    name: str
    login: str
    title: str = ""
    roles: tuple[Role, ...] = ()
    id: str = ""


@declare(
    "person.create",
    Create,
    right=Right.MANAGE,
    target=lambda act: f"unit:{act.unit}",
    http="POST /people",
    summary="Make a person of a unit",
)
def _create(desk: Desk, act: Create) -> str:
    desk.tables.units.get(act.unit)
    rules.room(desk.tables.people, rules.MAX_PEOPLE)
    roles = _roles(desk, act.roles)
    _require_hold(desk, roles)
    person = Person(
        id=rules.identifier(desk, act.id),
        unit=act.unit,
        name=rules.name(act.name, "name"),
        login=rules.login(act.login),
        title=clean_text(act.title, "title", required=False),
        roles=roles,
    )
    _check_login(desk, person)
    return desk.create("person.create", "person", person)


class OnPerson(Act, frozen=True, kw_only=True):
    """An act on one person."""

    person: str


def on(act: OnPerson) -> str:
    """Return the object of an act on a person."""
    return f"person:{act.person}"


class Change(OnPerson, frozen=True, kw_only=True):
    """What is None stays. With `unit` it is a move, for which one needs the right at both places."""

    unit: str | None = None
    name: str | None = None
    login: str | None = None
    title: str | None = None


@declare(
    "person.change",
    Change,
    right=Right.MANAGE,
    target=on,
    http="PATCH /people/{person}",
    summary="Change a person's name, login, title or unit",
)
def _change(desk: Desk, act: Change) -> str:
    old = desk.tables.people.get(act.person)
    new = msgspec.structs.replace(
        old,
        unit=old.unit if act.unit is None else act.unit,
        name=old.name if act.name is None else rules.name(act.name, "name"),
        login=old.login if act.login is None else rules.login(act.login),
        title=old.title if act.title is None else clean_text(act.title, "title", required=False),
    )
    _amend(desk, old, new)
    return ""


class Move(OnPerson, frozen=True, kw_only=True):
    """Put a person into another unit; the roles stay as they are."""

    unit: str


@declare(
    "person.move",
    Move,
    right=Right.MANAGE,
    target=on,
    http="PUT /people/{person}/unit",
    summary="Put a person into another unit",
)
def _move(desk: Desk, act: Move) -> str:
    old = desk.tables.people.get(act.person)
    _amend(desk, old, msgspec.structs.replace(old, unit=act.unit))
    return ""


def _amend(desk: Desk, old: Person, new: Person) -> None:
    _require_over(desk, old)
    if new.unit != old.unit:
        desk.tables.units.get(new.unit)
        desk.require(Right.MANAGE, f"unit:{new.unit}")
    _check_login(desk, new)
    desk.amend("person.change" if new.unit == old.unit else "person.move", "person", old, new)


class SetRoles(OnPerson, frozen=True, kw_only=True):
    """All roles the person shall have. Only those that come or go need a right in their scope."""

    roles: tuple[Role, ...]


@declare(
    "person.roles",
    SetRoles,
    right=None,
    why="every role given or taken needs ADMIN, and all rights of the role, in its own scope",
    http="PUT /people/{person}/roles",
    summary="Give and take a person's roles",
)
def _set_roles(desk: Desk, act: SetRoles) -> str:
    desk.require(Right.SEE, on(act))
    old = desk.tables.people.get(act.person)
    new = msgspec.structs.replace(old, roles=_roles(desk, act.roles))
    _require_hold(desk, tuple(set(old.roles) ^ set(new.roles)))
    if set(old.roles) - set(new.roles):
        require_administrator(desk, instead=new)
    desk.amend("person.roles", "person", old, new)
    return ""


class Disable(OnPerson, frozen=True, kw_only=True):
    """Let somebody in no more, and end what runs in the person's name."""


@declare(
    "person.disable",
    Disable,
    right=Right.MANAGE,
    target=on,
    http="POST /people/{person}/disable",
    summary="Let a person in no more",
)
def _disable(desk: Desk, act: Disable) -> str:
    old = desk.tables.people.get(act.person)
    if not old.disabled:
        _require_other(desk, old)
        new = msgspec.structs.replace(old, disabled=True)
        require_administrator(desk, instead=new)
        desk.amend("person.disable", "person", old, new)
        _cut_off(desk, old)
    return ""


class Enable(OnPerson, frozen=True, kw_only=True):
    """Let somebody in again."""


@declare(
    "person.enable",
    Enable,
    right=Right.MANAGE,
    target=on,
    http="POST /people/{person}/enable",
    summary="Let a person in again",
)
def _enable(desk: Desk, act: Enable) -> str:
    old = desk.tables.people.get(act.person)
    _require_over(desk, old)
    desk.amend("person.enable", "person", old, msgspec.structs.replace(old, disabled=False))
    return ""


class Remove(OnPerson, frozen=True, kw_only=True):
    """Take a person out. What the person did stays in the timeline."""


@declare(
    "person.remove",
    Remove,
    right=Right.MANAGE,
    target=on,
    http="DELETE /people/{person}",
    summary="Take a person out",
)
def _remove(desk: Desk, act: Remove) -> str:
    old = desk.tables.people.get(act.person)
    _require_other(desk, old)
    require_administrator(desk, instead=msgspec.structs.replace(old, disabled=True))
    _cut_off(desk, old)
    drop_grants(desk, on(act))
    if old.id in desk.tables.credentials:
        desk.remove("person.remove", f"credential:{old.id}")
    desk.remove("person.remove", on(act))
    return ""


class Password(OnPerson, frozen=True, kw_only=True):
    """`secret`: the argon2id hash of the new password, made by the shell, which also asks for one's own old one.

    All other sign-ins of the person end.
    """

    secret: str


@declare(
    "person.password",
    Password,
    right=None,
    why="one's own, or ADMIN of the person together with every right that the person has by role",
    summary="Set a password",
)
def _password(desk: Desk, act: Password) -> str:
    own = desk.actor.person == act.person
    person = desk.tables.people.get(act.person)
    if not own:
        require_power_over(desk, person)
    found = _ARGON2.match(act.secret)
    if not found or any(int(found[n + 1]) > most for n, most in enumerate(_ARGON2_MOST)):
        raise Invalid("invalid-secret", "a password is kept as an argon2id hash of bearable cost", SECRET)
    desk.change("person.password", f"credential:{person.id}", secret=act.secret, changed_us=desk.now_us)
    end_logins(desk, person.id, desk.actor.login if own else "")
    return ""


def require_power_over(desk: Desk, person: Person) -> None:
    """Require what it takes to act in a person's name: ADMIN, and every right that the person has or was lent."""
    desk.require(Right.ADMIN, f"person:{person.id}")
    _require_over(desk, person)
    _require_lent(desk, person)


def require_administrator(desk: Desk, *, instead: Person | None = None, unless_root: str = "") -> None:
    """Refuse what leaves the node without anybody who can administer it as a whole. Raises Conflict.

    `instead`: a person as the act will leave it; `unless_root`: a unit that will be no root any more.
    """

    if instead is not None and not _administers(desk, desk.tables.people.get(instead.id)):
        return

    def will(person: Person) -> bool:
        after = instead if instead is not None and person.id == instead.id else person
        return _administers(desk, after, unless_root)

    people = desk.tables.people
    if any(_administers(desk, person) for person in people) and not any(will(person) for person in people):
        raise Conflict("last-administrator", "nobody would be left who can administer the node")


def _administers(desk: Desk, person: Person, unless_root: str = "") -> bool:
    """Tell whether a person may administer the node as a whole."""
    scopes = (role.scope for role in person.roles if Right.ADMIN in ROLES.get(role.name, frozenset()))
    return not person.disabled and any(scope != unless_root and _is_root(desk, scope) for scope in scopes)


def _is_root(desk: Desk, unit: str) -> bool:
    record = desk.tables.units.find(unit)
    return record is not None and not record.parent


def _roles(desk: Desk, roles: tuple[Role, ...]) -> tuple[Role, ...]:
    """Return the roles without repetition. Raises Invalid, Unknown, Full."""
    unique = tuple(dict.fromkeys(roles))
    if len(unique) > MAX_ROLES:
        raise Full("role-limit", f"{MAX_ROLES} roles a person are the limit")
    for role in unique:
        if role.name not in ROLES:
            raise Invalid("role-unknown", f"there is no role {role.name[:40]!r}", "roles")
        if role.scope not in desk.tables.units:
            raise Unknown("unit-unknown", f"no unit {role.scope[:40]!r}", "roles")
    return unique


def _require_hold(desk: Desk, roles: tuple[Role, ...]) -> None:
    """Require ADMIN in the scope of each role, and all of the role's rights there by a role of one's own."""
    for role in roles:
        desk.require(Right.ADMIN, f"unit:{role.scope}")
        _require_rights(desk, role)


def _require_over(desk: Desk, person: Person) -> None:
    """Require every right that the person has by role. Raises Forbidden."""
    for role in person.roles:
        _require_rights(desk, role)


def _require_lent(desk: Desk, person: Person) -> None:
    """Require every right that somebody lent to the person. Raises Forbidden."""
    for identifier in desk.tables.grants_to.ids(f"person:{person.id}"):
        grant = desk.tables.grants.get(identifier)
        if grant.until_us > desk.now_us and not desk.permissions.by_role(desk.actor, Right(grant.verb), grant.object):
            raise Forbidden("above-you", f"{desk.actor.person} lacks {grant.verb} of {grant.object}")


def _require_rights(desk: Desk, role: Role) -> None:
    for right in ROLES.get(role.name, frozenset()):
        if not desk.permissions.by_role(desk.actor, right, f"unit:{role.scope}"):
            raise Forbidden("above-you", f"{desk.actor.person} lacks {right} in {role.scope}", "roles")


def _require_other(desk: Desk, person: Person) -> None:
    if person.id == desk.actor.person:
        raise Conflict("not-yourself", "somebody else must do this to you")
    _require_over(desk, person)


def _check_login(desk: Desk, person: Person) -> None:
    if desk.tables.person_of_login.first(person.login) not in (None, person.id):
        raise Conflict("login-taken", f"{person.login} is somebody else's login", "login")


def _cut_off(desk: Desk, person: Person) -> None:
    """End the person's sign-ins, links and places; a consultation goes to its first deputy, if it has one."""
    end_logins(desk, person.id)
    for welcome in desk.tables.welcomes:
        if welcome.person == person.id:
            desk.remove("welcome.end", f"welcome:{welcome.id}")
    for identifier in desk.tables.participants_as.ids(person.id):
        participant = desk.tables.participants.get(identifier)
        if participant.attendance in (Attendance.PRESENT, Attendance.WAITING):
            leave_record(desk, participant, Attendance.LEFT, "participant.leave")
    for item in desk.tables.consultations:
        if item.stage is not Stage.ENDED and person.id in (item.chair, *item.deputies):
            deputies = tuple(deputy for deputy in item.deputies if deputy != person.id)
            values: dict[str, Any] = {"deputies": deputies}
            if item.chair == person.id and deputies:
                values = {"chair": deputies[0], "deputies": deputies[1:]}
            elif item.chair == person.id:
                continue  # whoever may chair in its unit can take it over
            desk.change("consultation.hand-over", f"consultation:{item.id}", item.id, **values)
