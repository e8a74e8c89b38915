"""Signing in: logins that last, passwords that were checked, refusals that are counted.

Checking a password takes a tenth of a second, which no decision may, so a shell does it before and says in the act what
it found; here it is held against the state once more. Only the node itself makes these acts, but for ending a login.
"""

from __future__ import annotations

from dispatch.acts.base import Act, Desk, clean_text, declare
from dispatch.errors import Conflict, Invalid, Unknown
from dispatch.permissions import Right
from dispatch.records import Login, Person
from dispatch.tables import Tables

_DAY_US = 86_400_000_000
#: A login that nobody used for so long is over: a week's leave.
LOGIN_US = 7 * _DAY_US
#: However much it is used, the password is asked for once a quarter.
MAX_LOGIN_US = 91 * _DAY_US
#: A login in use is made to last longer so often. Access tokens are renewed every few minutes, without any entry.
RENEW_US = _DAY_US
#: Of one person; the oldest ends when another begins.
MAX_LOGINS = 20
MAX_DEVICE_CHARACTERS = 120


class Begin(Act, frozen=True, kw_only=True):
    """Somebody has proved to be `person` by the password whose hash is `credential`. `secret`: of the refresh token."""

    person: str
    secret: str
    credential: str
    ip: str = ""
    device: str = ""


@declare(
    "login.begin",
    Begin,
    right=None,
    why="only the node itself does it, once it has checked a password",
    summary="Sign somebody in",
)
def _begin(desk: Desk, act: Begin) -> str:
    desk.require_system()
    person = able(desk, act.person)
    _require_same(desk, person.id, act.credential)
    return begin_login(desk, person.id, act.secret, act.ip, act.device)


class Renew(Act, frozen=True, kw_only=True):
    """A login is in use."""

    login: str


@declare(
    "login.renew",
    Renew,
    right=None,
    why="only the node itself does it, when a login's refresh token was shown",
    summary="Let a login in use last longer",
)
def _renew(desk: Desk, act: Renew) -> str:
    desk.require_system()
    login = desk.tables.logins.get(act.login)
    if is_over(login, desk.now_us):
        raise Conflict("login-over", "it has run out")
    if may_renew(login, desk.now_us):
        desk.change("login.renew", f"login:{login.id}", until_us=_until_us(login, desk.now_us))
    return ""


class End(Act, frozen=True, kw_only=True):
    """Sign out, or sign another out."""

    login: str


@declare(
    "login.end",
    End,
    right=None,
    why="one's own; another's needs the right to administer that person",
    http="DELETE /logins/{login}",
    summary="End a login",
)
def _end(desk: Desk, act: End) -> str:
    login = desk.tables.logins.get(act.login)
    _require_own(desk, login.person)
    desk.remove("login.end", f"login:{login.id}")
    return ""


class EndAll(Act, frozen=True, kw_only=True):
    """Sign a person out everywhere, but for the login `keep`."""

    person: str
    keep: str = ""


@declare(
    "login.end-all",
    EndAll,
    right=None,
    why="one's own; another's needs the right to administer that person",
    http="DELETE /people/{person}/logins",
    summary="End all logins of a person",
)
def _end_all(desk: Desk, act: EndAll) -> str:
    _require_own(desk, desk.tables.people.get(act.person).id)
    end_logins(desk, act.person, act.keep)
    return ""


class Rehash(Act, frozen=True, kw_only=True):
    """The hash of a password that was checked just now, in the strength of today. No change of the password."""

    person: str
    secret: str
    credential: str


@declare(
    "login.rehash",
    Rehash,
    right=None,
    why="only the node itself does it, once it has checked the password",
    summary="Keep a password under a stronger hash",
)
def _rehash(desk: Desk, act: Rehash) -> str:
    desk.require_system()
    _require_same(desk, act.person, act.credential)
    desk.change("person.password-rehashed", f"credential:{act.person}", secret=act.secret)
    return ""


class Refusal(Act, frozen=True, kw_only=True):
    """So many sign-ins as `person` were refused; "": as anybody who is not there."""

    person: str = ""
    count: int


@declare(
    "login.refused",
    Refusal,
    right=None,
    why="only the node itself does it",
    summary="Note refused sign-ins",
)
def _refused(desk: Desk, act: Refusal) -> str:
    desk.require_system()
    if act.count < 1:
        raise Invalid("out-of-range", "no refusal is nothing to note", "count")
    # An object of a kind that is not kept: it is an event, and changes nothing of the person.
    desk.change("person.signin-refused", f"signin:{act.person or 'unknown'}", person=act.person, count=act.count)
    return ""


def lasting(tables: Tables, identifier: str, now_us: int) -> Login | None:
    """Return a login that has not run out, of a person who may sign in; None otherwise."""
    login = tables.logins.find(identifier)
    if login is None or is_over(login, now_us):
        return None
    person = tables.people.find(login.person)
    return login if person is not None and not person.disabled else None


def is_over(login: Login, now_us: int) -> bool:
    """Tell whether a login has run out."""
    return login.until_us <= now_us


def may_renew(login: Login, now_us: int) -> bool:
    """Tell whether `login.renew` would make the login last noticeably longer."""
    return _until_us(login, now_us) - login.until_us >= RENEW_US


def able(desk: Desk, identifier: str) -> Person:
    """Return a person who may sign in. Raises Unknown, Conflict."""
    person = desk.tables.people.get(identifier)
    if person.disabled:
        raise Conflict("person-disabled", f"{identifier} is disabled")
    return person


def begin_login(desk: Desk, person: str, secret: str, ip: str, device: str) -> str:
    """Enter a new login, and the end of those that ran out or are too many; return its id."""
    _make_room(desk, person)
    login = Login(
        id=desk.new_id(),
        person=person,
        begun_us=desk.now_us,
        until_us=desk.now_us + LOGIN_US,
        ip=ip,
        device=clean_text(device[:MAX_DEVICE_CHARACTERS], "device", MAX_DEVICE_CHARACTERS, required=False),
        secret=secret,
    )
    return desk.create("login.begin", "login", login)


def end_logins(desk: Desk, person: str, keep: str = "") -> None:
    """Enter the end of a person's logins, but for one."""
    for identifier in desk.tables.logins_of_person.ids(person):
        if identifier != keep:
            desk.remove("login.end", f"login:{identifier}")


def _make_room(desk: Desk, person: str) -> None:
    """Enter the end of logins that ran out, and of the oldest where there are too many for one more."""
    ended = {draft.object for draft in desk.drafts}
    found = [desk.tables.logins.get(item) for item in desk.tables.logins_of_person.ids(person)]
    logins = [item for item in found if f"login:{item.id}" not in ended]
    for login in logins:
        if is_over(login, desk.now_us):
            desk.remove("login.ran-out", f"login:{login.id}")
    in_force = sorted((item for item in logins if not is_over(item, desk.now_us)), key=lambda item: item.begun_us)
    for login in in_force[: max(0, len(in_force) - MAX_LOGINS + 1)]:
        desk.remove("login.end", f"login:{login.id}")


def _until_us(login: Login, now_us: int) -> int:
    return min(now_us + LOGIN_US, login.begun_us + MAX_LOGIN_US)


def _require_own(desk: Desk, person: str) -> None:
    if desk.actor.person != person:
        desk.require(Right.ADMIN, f"person:{person}")


def _require_same(desk: Desk, person: str, credential: str) -> None:
    """Raise Conflict when the password was changed while the shell checked it."""
    kept = desk.tables.credentials.find(person)
    if (kept.secret if kept else "") != credential:
        raise Conflict("credential-changed", "the password was changed meanwhile")
    if person not in desk.tables.people:
        raise Unknown("person-unknown", f"no person {person[:40]!r}")
