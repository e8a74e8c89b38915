"""A person at a real node without a browser: signed in, on the WebSocket, with aiortc as the page's one connection.

What comes in on each line is counted as packets and told by its colour or tone; aiortc's ICE, DTLS, SRTP and decoders
are its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from operator import lt
from typing import Any, Final

import aiohttp
import numpy as np
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCRtpTransceiver, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame

from tests.console.county import County
from tests.patience import until
from tests.peers import colour, tone
from tests.peers.aiortc_ends import ColourTrack, ToneTrack, loopback_only
from tests.signaling.ws.client import Pages
from tests.signaling.ws.node import Tab

#: More than could still be under way when a line has been cut.
SOME: Final = 15
_BLOCKS: Final = 10


@dataclass(slots=True)
class Line:
    """One media line of a caller; `what` is its entry in an offer, `seen` the newest colour or tone in Hz."""

    transceiver: RTCRtpTransceiver
    what: dict[str, Any]
    seen: str | float | None = None
    task: asyncio.Task[None] | None = None

    @property
    def mid(self) -> str:
        return self.transceiver.mid or ""

    async def packets(self) -> int:
        """Return how many packets have come in on it."""
        report = await self.transceiver.receiver.getStats()
        return sum(item.packetsReceived for item in report.values() if item.type == "inbound-rtp")

    async def follow(self) -> None:
        """Decode until the end, so that nothing piles up."""
        sound: list[Any] = []
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await self.transceiver.receiver.track.recv()
                if isinstance(frame, VideoFrame):
                    self.seen = colour.of_frame(frame)
                elif isinstance(frame, AudioFrame):
                    sound = [*sound, tone.samples_of(frame)][-_BLOCKS:]
                    self.seen = tone.loudest_hz(np.concatenate(sound))


@dataclass(slots=True)
class Caller:
    """One signed-in person with one page."""

    county: County
    http: aiohttp.ClientSession
    person: str
    login: str
    token: str
    tab: Tab
    peer: RTCPeerConnection
    lines: list[Line] = field(default_factory=list)
    _offers: int = 0

    @property
    def source(self) -> str:
        """What the page's own picture and sound are called."""
        return f"{self.person}.tab"

    async def api(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Ask the interface; return the status and what was answered."""
        return await ask(self.http, self.county, method, path, self.token, body)

    async def do(self, method: str, path: str, body: object = None) -> Any:
        """Ask for what must succeed; return what was answered, an act's object where it has one."""
        status, answer = await self.api(method, path, body)
        assert status < 300, (status, answer)
        return answer["object"] if isinstance(answer, dict) and "object" in answer else answer

    def publish(self, colour_name: str, tone_hz: float) -> None:
        """Publish a colour and a tone with the next offer."""
        for kind, track in (("video", ColourTrack(colour_name)), ("audio", ToneTrack(tone_hz))):
            transceiver = self.peer.addTransceiver(track, direction="sendonly")
            self.lines.append(Line(transceiver, {"send": {"source": self.source, "kind": kind}}))

    def take(self, source: str, kind: str, context: str = "") -> Line:
        """Take a line with the next offer."""
        transceiver = self.peer.addTransceiver(kind, direction="recvonly")
        line = Line(transceiver, {"receive": {"source": source, "kind": kind, "context": context}})
        self.lines.append(line)
        return line

    async def offer(self) -> dict[str, tuple[str, str]]:
        """Offer all lines; return what became of each: (flow, code) by mid."""
        await self.peer.setLocalDescription(await self.peer.createOffer())
        self._offers += 1
        identifier = f"offer-{self._offers}"
        lines = [{"mid": line.mid, **line.what} for line in self.lines]
        sdp = self.peer.localDescription.sdp
        await self.tab.send(t="offer", id=identifier, sdp=sdp, lines=lines)
        answer = await self.tab.answer("answer", id=identifier)
        await self.peer.setRemoteDescription(RTCSessionDescription(_on_each_line(answer["sdp"]), "answer"))
        for line in self.lines:
            if line.task is None and "receive" in line.what:
                line.task = asyncio.create_task(line.follow())
        return {line["mid"]: (line["flow"], line["code"]) for line in answer["lines"]}

    async def told(self, line: Line, flow: str) -> None:
        """Wait until the page was told of a line's flow."""

        def newest() -> str | None:
            told = [item for message in self.tab.answers if message["t"] == "flow" for item in message["lines"]]
            return next((item["flow"] for item in reversed(told) if item["mid"] == line.mid), None)

        await self.tab.until(lambda: newest() == flow)

    async def wire(self) -> int:
        """Return how many datagrams of media and DTLS have come in."""
        report = await self.peer.getStats()
        return sum(item.packetsReceived for item in report.values() if item.type == "transport")


def _on_each_line(sdp: str) -> str:
    """Repeat the candidates on each line: in a bundle aiortc reads those of the last, though they are on the first."""
    candidates = "".join(f"{line}\r\n" for line in sdp.splitlines() if line.startswith("a=candidate"))
    return sdp.replace("a=ice-ufrag", f"{candidates}a=ice-ufrag")


async def flows(*lines: Line) -> None:
    """Wait until some packets more have come in on each line."""
    before = [await line.packets() for line in lines]
    for line, count in zip(lines, before, strict=True):
        await until(f"packets on {line.what}", line.packets, partial(lt, count + SOME))


async def rests(line: Line, beside: Line) -> None:
    """Wait until a line is silent for as long as others take to get some packets beside it."""

    async def more() -> int:
        before = await line.packets()
        await flows(beside)
        return await line.packets() - before

    await until(f"silence on {line.what}", more, lambda count: count == 0)


async def is_silent(caller: Caller, beside: Line) -> None:
    """Wait until nothing at all comes in on a caller's transport while others get their packets."""

    async def more() -> int:
        before = await caller.wire()
        await flows(beside)
        return await caller.wire() - before

    await until("a silent wire", more, lambda count: count == 0)


async def shows(line: Line, colour_name: str) -> None:
    """Wait until a line shows a colour."""
    await until(f"{colour_name} on {line.what}", lambda: line.seen, lambda seen: seen == colour_name)


async def hears(line: Line, tone_hz: float) -> None:
    """Wait until a line carries a tone."""
    await until(
        f"{tone_hz} Hz on {line.what}",
        lambda: line.seen,
        lambda seen: isinstance(seen, float) and abs(seen - tone_hz) < tone.TOLERANCE_HZ,
    )


async def ask(
    http: aiohttp.ClientSession, county: County, method: str, path: str, token: str = "", body: object = None
) -> tuple[int, Any]:
    """Send JSON to the interface; return the status and the JSON answered, None where there is none."""
    headers = {"Content-Type": "application/json", "X-Huishang": "1"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = io.BytesIO(json.dumps({} if body is None else body).encode())
    async with http.request(method, f"{county.url}/api/v1{path}", data=data, headers=headers) as answer:
        text = await answer.text()
        return answer.status, json.loads(text) if text else None


@contextlib.asynccontextmanager
async def calling(county: County, code: str) -> AsyncIterator[Caller]:
    """Sign in by a one-time code, open a page's WebSocket; all of it is closed at the end."""
    loopback_only()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False)) as http:
        status, signed = await ask(http, county, "POST", "/session", body={"welcome": code})
        assert status == 200, signed
        tab = await open_tab(http, county, signed["token"])
        # With any other policy aiortc loses the transport of a second line of a kind when the lines are bundled.
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        caller = Caller(county, http, signed["person"]["id"], signed["login"], signed["token"], tab, peer)
        try:
            yield caller
        finally:
            tasks = [line.task for line in caller.lines if line.task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await peer.close()
            await tab.leave()


async def open_tab(http: aiohttp.ClientSession, county: County, token: str, **hello: Any) -> Tab:
    """Open a WebSocket and be welcomed."""
    tab = Tab(await http.ws_connect(f"{county.url}/api/v1/ws"), Pages())
    await tab.send(t="hello", **{"versions": [1], "token": token, "device": "tab", **hello})
    await tab.answer("welcome")
    return tab


async def newcomer(chief: Caller, login: str, unit: str, *roles: str) -> str:
    """Make a person with these roles in a unit; return a one-time code."""
    units = chief.county.known.units
    given = [{"name": role, "scope": units[unit]} for role in roles]
    made = {"unit": units[unit], "name": f"新人{login}", "login": login, "roles": given}
    person = await chief.do("POST", "/people", made)
    return str((await chief.do("POST", "/welcomes", {"person": person}))["welcome"])
