"""People, cameras and consultations, entered by acts in a node's own desk before it runs.

People are signed in without passwords: the acts that the node itself makes at a sign-in, and a token made with its key.
"""

from __future__ import annotations

import asyncio
import secrets
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import TypeVar

import uvloop

from benchmarks.peers.huishang import Huishang
from config import Settings, load
from dispatch import codes
from dispatch.acts import chair, consultation, endpoints, people, signin, units, welcome
from dispatch.acts.base import Act
from dispatch.desk.coordinator import Coordinator
from dispatch.entry import Origin
from dispatch.permissions import SYSTEM, Actor
from dispatch.records import EndpointKind, Level, Role
from huishang import __version__, home, log
from huishang.desk import NodeDesk, desk
from signaling.auth.tokens import Claims, Tokens
from signaling.http.metrics import Metrics

T = TypeVar("T")

# Acts that wait at a time; the coordinator takes 4,000.
AT_A_TIME = 1_000
CATCH_UP_S = 0.02
AHEAD_US = 86_400_000_000
_SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡"
_GIVEN = "伟芳娜秀敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂英华玉萍红鹏"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is signed in."""

    id: str
    login: str

    @property
    def actor(self) -> Actor:
        return Actor(self.id, self.login)


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is of it."""

    members: int
    """People who are invited to the consultation, beside its chair."""
    present: int
    """How many of them, the first, are in it."""
    watchers: int
    """People who see that there are consultations, by their role."""
    cameras: int
    """Brought into the consultation."""
    scheduled: int = 0
    """Consultations of the chair that have not begun."""


@dataclass(frozen=True, slots=True)
class Town:
    """What was entered."""

    chair: Person
    members: list[Person]
    watchers: list[Person]
    cameras: list[str]
    consultation: str
    scheduled: list[str]
    code: str
    """Signs the chair in on a page, once."""


class Keys:
    """Makes access tokens of a node as the node does."""

    def __init__(self, settings: Settings) -> None:
        self._tokens = Tokens(home.access_keys(settings), settings.server.node)

    def token(self, person: Person) -> str:
        """Return a token, good for ten minutes."""
        return self._tokens.issue(Claims(person.id, person.login), time.time_ns() // 1000)[0]


def settings_of(path: Path) -> Settings:
    """Read a node's settings, of the file alone."""
    return load(path, {})


def furnish(path: Path, enter: Callable[[NodeDesk], Awaitable[T]]) -> T:
    """Let `enter` act in the desk of the node with these settings; return when its database has followed."""
    settings = settings_of(path)
    log.configure(settings.log)
    home.prepare(settings, datetime.now(UTC))

    async def work() -> T:
        async with desk(settings, Metrics(__version__)) as opened:
            entered = await enter(opened)
            while opened.projector.health.behind:
                await asyncio.sleep(CATCH_UP_S)
            return entered

    return uvloop.run(work())


def opened(stack: ExitStack, enter: Callable[[NodeDesk], Awaitable[T]]) -> tuple[Huishang, T]:
    """Start a node in whose desk `enter` has acted; return both. It ends with `stack`. Raises PeerError."""
    entered: list[T] = []

    async def keep(desk: NodeDesk) -> None:
        entered.append(await enter(desk))

    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="huishang-")))
    server = Huishang(tls=True, folder=folder, prepare=lambda settings: furnish(settings, keep))
    stack.callback(server.close)
    return server, entered[0]


async def found(coordinator: Coordinator, size: Size) -> Town:
    """Enter a town: a province with all its people, a consultation of some, scheduled ones, and cameras brought in."""
    province = await _as_system(coordinator, units.Create(level=Level.PROVINCE, name_zh="四川省应急管理厅"))
    county = await _as_system(
        coordinator, units.Create(parent=province, level=Level.COUNTY, name_zh="青川县应急管理局")
    )
    [leader] = await sign_in(coordinator, county, ["chair"], (Role("administrator", province),))
    members = [f"member-{number}" for number in range(size.members)]
    watchers = [f"watcher-{number}" for number in range(size.watchers)]
    invited = await sign_in(coordinator, county, members, (Role("member", county),))
    watching = await sign_in(coordinator, province, watchers, (Role("observer", province),))
    cameras = await _all(
        coordinator,
        SYSTEM,
        [endpoints.Create(unit=county, kind=EndpointKind.IP_CAMERA, name_zh=f"摄像机{n}") for n in range(size.cameras)],
    )
    whom = tuple(f"person:{person.id}" for person in invited)
    create = consultation.Create(title="防汛会商", unit=county, invite=whom)
    held = await coordinator.act(create, leader.actor, Origin())
    for person in (leader, *invited[: size.present]):
        await coordinator.act(consultation.Join(consultation=held), person.actor, Origin())
    for camera in cameras:
        await coordinator.act(consultation.Bring(consultation=held, source=camera), leader.actor, Origin())
    later_us = time.time_ns() // 1000 + AHEAD_US
    later = [consultation.Create(title=f"预定{n}", unit=county, begins_us=later_us) for n in range(size.scheduled)]
    scheduled = await _all(coordinator, leader.actor, later)
    secret = secrets.token_urlsafe(codes.SECRET_BYTES)
    link = await _as_system(coordinator, welcome.Create(person=leader.id, secret=codes.digest(secret)))
    return Town(leader, invited, watching, cameras, held, scheduled, codes.join(link, secret))


async def sign_in(coordinator: Coordinator, unit: str, logins: Sequence[str], roles: tuple[Role, ...]) -> list[Person]:
    """Enter people of a unit and a login of each."""
    made = [people.Create(unit=unit, name=login, login=login, roles=roles) for login in logins]
    ids = await _all(coordinator, SYSTEM, made)
    begun = await _all(coordinator, SYSTEM, [signin.Begin(person=one, secret="-", credential="") for one in ids])
    return [Person(*pair) for pair in zip(ids, begun, strict=True)]


async def crowd(coordinator: Coordinator, above: str, name: str, count: int) -> str:
    """Enter a unit with so many people who have not signed in; return its id."""
    unit = await _as_system(coordinator, units.Create(parent=above, level=Level.TOWNSHIP, name_zh=name))
    called = product(_SURNAMES, _GIVEN, ("", *_GIVEN))
    made = (
        people.Create(unit=unit, name="".join(next(called)), login=f"crowd-{number}", roles=(Role("member", unit),))
        for number in range(count)
    )
    await _all(coordinator, SYSTEM, made)
    return unit


async def places(coordinator: Coordinator, held: str) -> dict[str, str]:
    """Return the participants of a consultation by their people, those without by their sources."""
    tables = coordinator.tables
    found = [tables.participants.get(item) for item in tables.participants_of.ids(held)]
    return {item.person or item.source: item.id for item in found}


async def hand(coordinator: Coordinator, held: str, person: Person, raised: bool) -> None:
    """Have somebody raise a hand, or take it back."""
    await coordinator.act(chair.RaiseHand(consultation=held, raised=raised), person.actor, Origin())


async def _as_system(coordinator: Coordinator, act: Act) -> str:
    return await coordinator.act(act, SYSTEM, Origin())


async def _all(coordinator: Coordinator, actor: Actor, acts: Iterable[Act]) -> list[str]:
    waiting, ids = list(acts), list[str]()
    for begin in range(0, len(waiting), AT_A_TIME):
        some = waiting[begin : begin + AT_A_TIME]
        ids += await asyncio.gather(*(coordinator.act(act, actor, Origin()) for act in some))
    return ids
