"""One-time links: they sign a person in without a password, let it choose one, or make the first administrator."""

from __future__ import annotations

import unicodedata

from dispatch.acts.base import Act, Desk, declare
from dispatch.acts.people import MAX_ROLES, require_power_over
from dispatch.acts.signin import able, begin_login, end_logins
from dispatch.codes import matches
from dispatch.directory import rules
from dispatch.errors import Conflict, Full, Invalid, Unknown
from dispatch.permissions import Actor, Permissions, Right
from dispatch.records import Level, Person, Role, Stage, Unit, Welcome
from dispatch.tables import Tables

_HOUR_US = 3_600_000_000
MAX_HOURS = 30 * 24
MAX_WELCOMES = 10_000
#: Links that ran out which one act clears away: all of them could be more than the journal takes at once.
MAX_CLEARED = 500


class Create(Act, frozen=True, kw_only=True):
    """`person`: whom the link signs in, for which one needs all that this person may; "": it makes the first
    administrator. `secret`: digest of its code.

    `consultation`: where the page goes then, or "". A link replaces the person's earlier one to the same place.
    """

    person: str = ""
    consultation: str = ""
    secret: str
    hours: int = 24


@declare(
    "welcome.create",
    Create,
    right=Right.ADMIN,
    target=lambda act: f"person:{act.person}" if act.person else "node",
    summary="Make a one-time link",
)
def _create(desk: Desk, act: Create) -> str:
    if not 1 <= act.hours <= MAX_HOURS:
        raise Invalid("out-of-range", f"a link is good for 1 to {MAX_HOURS} hours", "hours")
    if act.person:
        require_power_over(desk, able(desk, act.person))
    else:
        desk.require_system()
        _require_no_administrator(desk)
    if act.consultation and desk.tables.consultations.get(act.consultation).stage is Stage.ENDED:
        raise Conflict("consultation-ended", "it has ended")
    others = 0
    ran_out: list[Welcome] = []
    for item in desk.tables.welcomes:
        if (item.person, item.consultation) == (act.person, act.consultation):
            desk.remove("welcome.replaced", f"welcome:{item.id}")
        elif item.until_us <= desk.now_us:
            ran_out.append(item)
        else:
            others += 1
    if others >= MAX_WELCOMES:
        raise Full("welcome-limit", f"{MAX_WELCOMES} links wait to be used")
    for item in ran_out[:MAX_CLEARED]:
        desk.remove("welcome.ran-out", f"welcome:{item.id}")
    record = Welcome(
        id=desk.new_id(),
        person=act.person,
        consultation=act.consultation,
        until_us=desk.now_us + act.hours * _HOUR_US,
        secret=act.secret,
    )
    return desk.create("welcome.create", "welcome", record, act.consultation)


class Use(Act, frozen=True, kw_only=True):
    """Somebody shows the code of a link. `secret`: digest of the refresh token of the login that begins.

    `password`: the hash of the one chosen, or "" to keep the old; all earlier logins end with it. `login`, `name` and
    `organisation` are the first administrator's and the root unit's, of no meaning otherwise.
    """

    welcome: str
    code: str
    secret: str
    password: str = ""
    login: str = ""
    name: str = ""
    organisation: str = ""
    ip: str = ""
    device: str = ""


@declare(
    "welcome.use",
    Use,
    right=None,
    why="the code is the proof",
    summary="Sign in by a one-time link",
)
def _use(desk: Desk, act: Use) -> str:
    desk.require_system()
    welcome = usable(desk.tables, act.welcome, act.code, desk.now_us)
    if welcome is None:
        raise Unknown("welcome-unknown", "the link was used, replaced, has run out or never was")
    person = able(desk, welcome.person).id if welcome.person else _first_administrator(desk, act)
    desk.remove("welcome.use", f"welcome:{welcome.id}", welcome.consultation)
    if act.password:
        desk.change("person.password", f"credential:{person}", secret=act.password, changed_us=desk.now_us)
        end_logins(desk, person)
    return begin_login(desk, person, act.secret, act.ip, act.device)


def usable(tables: Tables, identifier: str, code: str, now_us: int) -> Welcome | None:
    """Return the link with this secret, None when it cannot be used."""
    welcome = tables.welcomes.find(identifier)
    # Compared even where there is none, so that timing does not tell which links exist.
    proved = matches(code, welcome.secret if welcome else "-")
    return welcome if welcome is not None and proved and welcome.until_us > now_us else None


def has_administrator(tables: Tables, now_us: int) -> bool:
    """Tell whether somebody can sign in by password and administer the node."""
    permissions = Permissions(tables)
    held = (item.id for item in tables.credentials if item.id in tables.people)
    return any(permissions.may(Actor(person), Right.ADMIN, "node", now_us) for person in held)


def login_name(text: str) -> str:
    """Return what was typed as logins are kept: in small letters, and those of full width as the others."""
    return unicodedata.normalize("NFKC", text).strip().lower()


def _first_administrator(desk: Desk, act: Use) -> str:
    _require_no_administrator(desk)
    if not act.password:
        raise Invalid("empty", "the first administrator needs a password", "password")
    login = rules.login(login_name(act.login))
    if desk.tables.person_of_login.count(login):
        raise Conflict("login-taken", f"{login} is somebody else's login", "login")
    name = rules.name(act.name, "name")
    roots = list(desk.tables.children.ids("root"))
    if not roots:
        root = Unit(id=desk.new_id(), level=Level.PROVINCE, name_zh=rules.name(act.organisation, "organisation"))
        roots = [desk.create("unit.create", "unit", root)]
    roles = tuple(Role("administrator", root) for root in roots[:MAX_ROLES])
    person = Person(id=desk.new_id(), unit=roots[0], name=name, login=login, roles=roles)
    return desk.create("person.create", "person", person)


def _require_no_administrator(desk: Desk) -> None:
    if has_administrator(desk.tables, desk.now_us):
        raise Conflict("administrator-exists", "the node has an administrator, who makes links for others")
