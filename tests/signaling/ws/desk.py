"""The pages' media at a node in the test's own loop: real coordinator, journal, exchange and plane; pages that note."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dispatch.acts.base import Act
from dispatch.acts.chair import Mute
from dispatch.acts.consultation import Bring, Contribute, Create, Join
from dispatch.desk.coordinator import Coordinator
from dispatch.desk.keeping import JournalKeeper
from dispatch.entry import Origin
from dispatch.hlc import HybridClock
from dispatch.journal import Journal
from dispatch.permissions import Actor
from signaling.ws import messages
from signaling.ws.media import PageMedia
from signaling.ws.messages import AnsweredLine
from tests.dispatch.world import World
from tests.patience import until
from tests.signaling.node import Node, running_node
from tests.signaling.sdp.page import PageOffers


@dataclass(slots=True, eq=False)
class NotingPage:
    """A page's connection that keeps what it is told, and its side of the offers."""

    desk: Desk
    actor: Actor
    id: str
    device: str = "tab"
    flows: dict[str, tuple[str, str]] = field(default_factory=dict)
    ends: list[tuple[int, str]] = field(default_factory=list)
    words: list[messages.Link | messages.Layers] = field(default_factory=list)
    offers: PageOffers = field(default_factory=PageOffers)
    lines: list[messages.Line] = field(default_factory=list)
    number: int = 1

    def flow(self, number: int, lines: Sequence[AnsweredLine]) -> None:
        assert number == self.number
        self.flows |= {line.mid: (line.flow, line.code) for line in lines}

    def ended(self, number: int, code: str) -> None:
        self.ends.append((number, code))

    def news(self, message: messages.Link | messages.Layers) -> None:
        self.words.append(message)

    def take(self, source: str, kind: messages.Kind, context: str = "") -> str:
        """Take a line with the next offer; return its mid."""
        mid = self.offers.add(kind, "recvonly").mid
        self.lines.append(messages.Line(mid, receive=messages.ReceiveLine(source, kind, context)))
        return mid

    def publish(self, source: str, kind: messages.Kind) -> str:
        """Publish on a line with the next offer; return its mid."""
        mid = self.offers.add(kind, "sendonly").mid
        self.lines.append(messages.Line(mid, send=messages.SendLine(source, kind, "名")))
        return mid

    def rest(self, kind: messages.Kind) -> None:
        """Add a line that carries nothing."""
        mid = self.offers.add(kind, "inactive").mid
        self.lines.append(messages.Line(mid))

    async def offer(self) -> dict[str, tuple[str, str]]:
        """Offer all lines; return what became of each. Raises Refused."""
        offer = messages.Offer("1", self.offers.offer().decode(), self.number, self.lines)
        _, answered = await self.desk.media.offer(self, offer)
        return {line.mid: (line.flow, line.code) for line in answered}

    async def told(self, mid: str, flow: str, code: str = "") -> None:
        """Wait until the page was told of a line."""
        await until(f"line {mid} is {flow}", lambda: self.flows.get(mid), lambda told: told == (flow, code))


@dataclass(slots=True)
class Desk:
    """What runs. People and units are those of `World`."""

    node: Node
    coordinator: Coordinator
    media: PageMedia
    pages: int = 0

    async def do(self, act: Act, person: str = "officer") -> str:
        """Do an act as somebody."""
        return await self.coordinator.act(act, Actor(person) if person else Actor(""), Origin())

    async def hold(self, *members: str, bring: str = "") -> str:
        """Hold a consultation of C with the officer and these people, each with a page's source, and maybe a camera."""
        consultation = await self.do(Create(title="防汛会商", unit="C", invite=("unit:C",)))
        for person in ("officer", *members):
            await self.do(Join(consultation=consultation), person)
            await self.do(Contribute(consultation=consultation, sources=(f"{person}.tab",)), person)
        if bring:
            await self.do(Bring(consultation=consultation, source=bring))
        return consultation

    def place(self, consultation: str, person: str) -> str:
        """Return the id of somebody's place."""
        found = self.coordinator.tables.participant_of_person.first(f"{consultation}/{person}")
        assert found is not None
        return found

    async def mute(self, consultation: str, person: str, **off: bool) -> None:
        """Cut somebody off, or on again."""
        await self.do(Mute(consultation=consultation, participant=self.place(consultation, person), **off))

    def page(self, person: str) -> NotingPage:
        """Open a page of somebody's."""
        self.pages += 1
        return NotingPage(self, Actor(person, f"login-{person}"), f"page-{self.pages}")


@asynccontextmanager
async def running_desk(folder: Path) -> AsyncIterator[Desk]:
    """Run it; nothing of it is left at the end."""
    async with AsyncExitStack() as ends:
        node = await ends.enter_async_context(running_node())
        journal = Journal.open(folder / "journal", "node")
        ends.push_async_callback(asyncio.to_thread, journal.close)
        coordinator = Coordinator(World().tables, HybridClock(), JournalKeeper(journal), "node")
        coordinator.start()
        ends.push_async_callback(coordinator.close)
        media = PageMedia(coordinator, node.exchange.connections)
        media.start()
        ends.push_async_callback(media.close)
        yield Desk(node, coordinator, media)
