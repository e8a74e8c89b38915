"""ClientHellos at a steady rate from every standing an address can have.

`python -m tests.peers.hello_flood HTTPS_URL TOKEN CA_FILE SOURCE MEDIA_PORT A_SECOND`

Half come from strangers. The rest come from peers that a connectivity check let in and that never finish a handshake,
and from a viewer in the middle of its session, as from somebody who forges its address. Prints a line of figures about
every second; SIGTERM ends the flood and its sessions, and the last line says how the viewer's session took it.
"""

from __future__ import annotations

import asyncio
import json
import random
import secrets
import select
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pylibsrtp

from media.rtp.header import is_rtcp
from signaling.client.http import HttpOptions, SignalingResource
from signaling.client.session import SessionOptions, WhepSession, remote_parameters
from signaling.dtls.certificate import Certificate
from signaling.ice.controlling import ControllingIce
from signaling.ice.types import generate_credentials
from signaling.sdp.model import Fingerprint
from signaling.sdp.offer import read_answer, view_offer
from signaling.sdp.parse import parse
from signaling.sdp.transport import LocalTransport
from signaling.sdp.write import write
from tests.patience import PATIENCE_S
from tests.peers import client_hello

BATCH_SECONDS: Final = 0.005

Hello = Callable[[], bytes]


@dataclass(slots=True)
class Sender:
    """One address that sends hellos; `standing` is stranger, checked (let in by ICE) or viewing (handshake done)."""

    standing: str
    socket: socket.socket
    hello: Hello
    rx: pylibsrtp.Session | None = None

    def read(self, counted: Counter[str]) -> None:
        """Count what came back: octets, and authentic media of a viewer."""
        while True:
            try:
                datagram = self.socket.recv(2048)
            except BlockingIOError:
                return
            counted[f"{self.standing}_octets_back"] += len(datagram)
            if self.rx is not None and 127 < datagram[0] < 192 and not is_rtcp(datagram):
                self.rx.unprotect(datagram)
                counted["media"] += 1


class Checked:
    """A session with an answered offer and a valid connectivity check, and nothing after that."""

    def __init__(self, http: HttpOptions) -> None:
        self._resource = SignalingResource(http)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    async def start(self, url: str) -> None:
        """Negotiate and have the address let in."""
        local = generate_credentials()
        unused = Certificate.generate().fingerprint
        lines = (Fingerprint(unused.algorithm, str(unused)),)
        transport = LocalTransport(local.ufrag, local.password, lines, ice_lite=False)
        offer = view_offer(("video", "audio"), transport, session_id=secrets.randbits(62))
        answer = read_answer(parse(await self._resource.post(url, write(offer))), offer)
        remote = remote_parameters(answer.remote)
        ice = ControllingIce(local, remote.credentials, remote.candidates)
        ice.start(time.monotonic())
        deadline = time.monotonic() + PATIENCE_S
        while ice.selected is None:
            assert time.monotonic() < deadline, "no answer to a valid check"
            for datagram, address in ice.datagrams_to_send():
                self.socket.sendto(datagram, address)
            if select.select([self.socket], [], [], 0.05)[0]:
                datagram, source = self.socket.recvfrom(2048)
                ice.receive(datagram, source, time.monotonic())
            ice.handle_timer(time.monotonic())
        self.socket.connect(ice.selected)
        self.socket.setblocking(False)

    async def close(self) -> None:
        await self._resource.delete()
        await self._resource.close()
        self.socket.close()


class Flood:
    """Sends and counts until `stop`."""

    def __init__(self, port: int, rate: int) -> None:
        self._rate = rate
        self._chance = random.Random(port)
        self._senders: list[Sender] = []
        self.counted: Counter[str] = Counter()
        self.stop = False
        chance, whole, parts = self._chance, client_hello.whole(), client_hello.fragments()
        self.kinds: tuple[Hello, ...] = (
            lambda: client_hello.another(whole, chance),
            lambda: chance.choice(parts),
            lambda: client_hello.torn(chance.choice([whole, *parts]), chance),
        )
        for number in range(15):
            udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            udp.connect(("127.0.0.1", port))
            udp.setblocking(False)
            self.add("stranger", udp, self.kinds[number % 3])

    def add(self, standing: str, udp: socket.socket, hello: Hello, rx: pylibsrtp.Session | None = None) -> None:
        """Let one more address take part."""
        self._senders.append(Sender(standing, udp, hello, rx))

    def run(self) -> None:
        """Send until stopped: strangers and the others in turn."""
        sides = [[item for item in self._senders if (item.standing == "stranger") is side] for side in (True, False)]
        begun = told = time.monotonic()
        sent = 0
        while not self.stop:
            while sent < (time.monotonic() - begun) * self._rate:
                side = sides[sent % 2]
                sender = side[sent // 2 % len(side)]
                sender.socket.send(sender.hello())
                self.counted[sender.standing] += 1
                sent += 1
            for sender in self._senders:
                sender.read(self.counted)
            time.sleep(BATCH_SECONDS)
            if time.monotonic() > told + 1:
                told = time.monotonic()
                self.tell(told - begun)

    def tell(self, seconds: float) -> None:
        """Print what was sent and what came back so far."""
        print(json.dumps({**self.counted, "seconds": seconds}), flush=True)

    def media_goes_on(self) -> bool:
        """Whether the viewer in the flood still gets media that nobody else could have made."""
        viewer = next(item for item in self._senders if item.rx is not None)
        before, deadline = self.counted["media"], time.monotonic() + PATIENCE_S
        while self.counted["media"] == before and time.monotonic() < deadline:
            select.select([viewer.socket], [], [], 0.1)
            viewer.read(self.counted)
        return self.counted["media"] > before


async def main(url: str, token: str, ca_file: str, source: str, port: str, rate: str) -> None:
    """Connect who is to be known, then flood."""
    http = HttpOptions(token, Path(ca_file))
    flood = Flood(int(port), int(rate))
    signal.signal(signal.SIGTERM, lambda *_: setattr(flood, "stop", True))
    checked = [Checked(http) for _ in flood.kinds]
    async with WhepSession(f"{url}/whep/{source}", options=SessionOptions(http)) as viewer:
        for peer, hello in zip(checked, flood.kinds, strict=True):
            await peer.start(f"{url}/whep/{source}")
            flood.add("checked", peer.socket, hello)
        detached = viewer.detach()
        flood.add("viewing", detached.socket, flood.kinds[0], detached.rx)
        # Nothing else of this process has to run meanwhile: consent lasts longer than any flood here.
        flood.run()
        print(json.dumps({"viewing_goes_on": flood.media_goes_on()}), flush=True)
        for peer in checked:
            await peer.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
