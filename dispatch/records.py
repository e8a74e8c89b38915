"""What dispatch keeps: one frozen record a thing. Values only; rules are in `acts`, rights in `permissions`.

Times are integer microseconds UTC, 0 is "not". Every record has an `id`; ids are ULIDs unless said otherwise.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Level(StrEnum):
    """Of a unit, from the top; a mobile unit belongs below any of them."""

    PROVINCE = "province"
    CITY = "city"
    COUNTY = "county"
    TOWNSHIP = "township"
    VILLAGE = "village"
    MOBILE = "mobile"


class EndpointKind(StrEnum):
    """What carries an endpoint's media."""

    BROWSER = "browser"
    ROOM = "room"
    DRONE = "drone"
    BODY_CAMERA = "body-camera"
    IP_CAMERA = "ip-camera"
    VEHICLE = "vehicle"
    PHONE = "phone"
    RADIO = "radio"


class Stage(StrEnum):
    """Of a consultation."""

    SCHEDULED = "scheduled"
    RUNNING = "running"
    ENDED = "ended"


class Attendance(StrEnum):
    """Of a participant. LEFT went by itself, REMOVED was sent away; WAITING asks to be let in."""

    WAITING = "waiting"
    PRESENT = "present"
    LEFT = "left"
    REMOVED = "removed"


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all."""

    id: str


class Unit(Record, frozen=True, kw_only=True):
    """A node of the organisation tree; `parent` is "" for a root. `code` is the administrative division code."""

    parent: str = ""
    level: Level
    name_zh: str
    name_en: str = ""
    code: str = ""
    order: int = 0


class Role(msgspec.Struct, frozen=True):
    """A role in a unit and everything below it; `name` is a key of `permissions.ROLES`."""

    name: str
    scope: str


class Person(Record, frozen=True, kw_only=True):
    """Somebody who signs in as `login`."""

    unit: str
    name: str
    login: str
    title: str = ""
    roles: tuple[Role, ...] = ()
    disabled: bool = False


class Endpoint(Record, frozen=True, kw_only=True):
    """A device of a unit. Its source has the endpoint's id. `gb_id`: 20 digits of GB/T 28181, or ""."""

    unit: str
    kind: EndpointKind
    name_zh: str
    name_en: str = ""
    gb_id: str = ""
    disabled: bool = False


class Credential(Record, frozen=True, kw_only=True):
    """What proves a person or endpoint; `id` is theirs. Never leaves the server.

    `secret` is an argon2 hash of a password, or the SHA-256 hex digest of an endpoint's random token.
    """

    secret: str
    changed_us: int = 0


class Login(Record, frozen=True, kw_only=True):
    """A sign-in that lasts: the server-side session behind access tokens. `secret`: digest of its refresh token."""

    person: str
    begun_us: int
    until_us: int
    ip: str = ""
    device: str = ""
    secret: str = ""


class Welcome(Record, frozen=True, kw_only=True):
    """A one-time link: signs in as `person`, or makes the first administrator when that is "".

    `consultation`: where the page goes then, or "". `secret`: digest of the link's code.
    """

    person: str = ""
    consultation: str = ""
    until_us: int
    secret: str = ""


class Grant(Record, frozen=True, kw_only=True):
    """A right beyond the roles, for a time. `to` is `person:id` or `unit:id`; `object` is `kind:id`."""

    verb: str
    object: str
    to: str
    from_us: int
    until_us: int
    by: str


class Invitation(msgspec.Struct, frozen=True):
    """Who may join a consultation: `whom` is `unit:id` (its people), `person:id` or `endpoint:id`."""

    whom: str
    by: str
    at_us: int


class RollCall(msgspec.Struct, frozen=True):
    """Who is here: asked by `by` at `at_us`. Each participant's `roll_us` tells whether it has answered."""

    by: str
    at_us: int
    closed_us: int = 0


class Consultation(Record, frozen=True, kw_only=True):
    """A consultation. `admission`: "auto" lets the invited in, "ask" lets the chair decide about everybody.

    `spotlight`: participants everybody sees large; `announcement`: a text everybody sees until it is taken back.
    """

    title: str
    unit: str
    chair: str
    stage: Stage
    deputies: tuple[str, ...] = ()
    begins_us: int = 0
    started_us: int = 0
    ended_us: int = 0
    locked: bool = False
    admission: str = "auto"
    spotlight: tuple[str, ...] = ()
    announcement: str = ""
    announced_us: int = 0
    invitations: tuple[Invitation, ...] = ()
    roll: RollCall | None = None


class Participant(Record, frozen=True, kw_only=True):
    """A person (`person`) or a source without one (`source`) in a consultation.

    `sources` are what it contributes now; `picture_off` and `sound_off` were set by the chair and hold at packet level.
    `asked_us`: when the chair asked it to unmute; `hand_us`: since when it asks for the word, `word_us` has it.
    `left_us`: since when it is away; who was sent away keeps it while waiting to be let in again.
    `roll_us`: the roll call that it answered last, by its `at_us`: kept in the roll, each would carry all before it.
    """

    consultation: str
    unit: str
    name: str
    person: str = ""
    source: str = ""
    attendance: Attendance
    sources: tuple[str, ...] = ()
    picture_off: bool = False
    sound_off: bool = False
    asked_us: int = 0
    hand_us: int = 0
    word_us: int = 0
    priority: int = 0
    joined_us: int = 0
    left_us: int = 0
    roll_us: int = 0


class Message(Record, frozen=True, kw_only=True):
    """A text in a consultation."""

    consultation: str
    person: str
    name: str
    text: str
    at_us: int


#: Classes of retention. What is BRIEF may be deleted before its time when the disk is low; nothing else may.
BRIEF = "brief"
ORDINARY = "ordinary"
LASTING = "lasting"
RETENTIONS = (BRIEF, ORDINARY, LASTING)


class Recording(Record, frozen=True, kw_only=True):
    """A session of recording, with a chain of evidence: what `of` (`consultation:ID`, `source:ID`) sends meanwhile.

    `unit` and `title` are what they were when it began: whose evidence it is does not change with the tree. `why`:
    "asked", "policy" or "emergency". `policy`: the one that the node began it for, "" where somebody did. `paused_us`:
    since when nothing is kept. `retention`: the class that says how long it is kept, of `RETENTIONS`; `hold`: why no
    policy may delete it, or "". `deleted_us`: since when its pictures and sounds are deleted, by the rule `deleted_by`;
    its chain stays. `cleared_us`: since when no file is left of them.
    """

    of: str
    unit: str
    title: str
    why: str
    by: str = ""
    policy: str = ""
    begun_us: int
    paused_us: int = 0
    ended_us: int = 0
    retention: str = ORDINARY
    hold: str = ""
    deleted_us: int = 0
    deleted_by: str = ""
    cleared_us: int = 0

    @property
    def session(self) -> str:
        """The consultation in whose timeline it stands, "" where a source is recorded alone."""
        kind, _, identifier = self.of.partition(":")
        return identifier if kind == "consultation" else ""


#: What of a unit a policy has recorded.
SOURCES = "sources"
CONSULTATIONS = "consultations"
ALL = "all"
WHATS = (SOURCES, CONSULTATIONS, ALL)
POLICY = "policy"
EMERGENCY = "emergency"
DAY_US = 86_400_000_000


class Policy(Record, frozen=True, kw_only=True):
    """Has what belongs to a unit, or to one below it, recorded without anybody asking: `what` of it, of `WHATS`.

    `kinds`: of which endpoints the sources are, all of them where it is empty; a page's are a browser's. `retention`:
    the class that recordings get; `period_us`: how long one of them is before another goes on. `why`: "policy" or
    "emergency", which holds until somebody takes it back. `until_us` 0: the same.
    """

    unit: str
    what: str
    kinds: tuple[EndpointKind, ...] = ()
    retention: str = ORDINARY
    period_us: int = DAY_US
    why: str = POLICY
    reason: str = ""
    by: str = ""
    from_us: int = 0
    until_us: int = 0


#: kind -> record, in an order in which nothing is named before it exists.
KINDS: dict[str, type[Record]] = {
    "unit": Unit,
    "person": Person,
    "endpoint": Endpoint,
    "credential": Credential,
    "login": Login,
    "welcome": Welcome,
    "grant": Grant,
    "consultation": Consultation,
    "participant": Participant,
    "message": Message,
    "recording": Recording,
    "policy": Policy,
}
#: kind -> name of its table, in memory and in the database
TABLE_NAMES = {
    "unit": "units",
    "person": "people",
    "endpoint": "endpoints",
    "credential": "credentials",
    "login": "logins",
    "welcome": "welcomes",
    "grant": "grants",
    "consultation": "consultations",
    "participant": "participants",
    "message": "messages",
    "recording": "recordings",
    "policy": "policies",
}
#: Kinds that only the server itself reads.
SECRET_KINDS = frozenset({"credential", "login", "welcome"})
