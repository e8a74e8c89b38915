"""Pages at a node without a browser: what they want of each line, the offers for it, and what the answers say."""

from __future__ import annotations

from dataclasses import dataclass, field

from dispatch.flow import Flow
from signaling.sdp.model import SessionDescription
from signaling.sdp.parse import parse
from signaling.webrtc.connection import ConnectionAnswer
from signaling.webrtc.lines import Line, ReceiveLine, SendLine
from tests.signaling.node import Node
from tests.signaling.sdp.page import PageLine, PageOffers


@dataclass(slots=True)
class OfferedPage:
    """A page whose lines are those of its offers; `wanted` by mid is what they shall carry."""

    node: Node
    owner: str = "page"
    offers: PageOffers = field(default_factory=PageOffers)
    wanted: dict[str, Line] = field(default_factory=dict)
    connection: str = ""
    answers: list[SessionDescription] = field(default_factory=list)

    def take(self, source: str, kind: str, context: str = "", flow: Flow = Flow.OPEN) -> PageLine:
        line = self._rest(kind, "recvonly")
        self.wanted[line.mid] = ReceiveLine(line.mid, kind, source, context, flow)
        return line

    def publish(self, source: str, kind: str) -> PageLine:
        line = self._rest(kind, "sendonly")
        self.wanted[line.mid] = SendLine(line.mid, kind, source, f"name of {source}")
        return line

    def free(self, mid: str, *, stop: bool = False) -> None:
        """Let a line rest, or stop it so that its place can be recycled."""
        self.wanted.pop(mid, None)
        line = next(item for item in self.offers.lines if item.mid == mid)
        line.direction, line.stopped = "inactive", stop

    def exchange(self) -> SessionDescription:
        """Offer, and return what is answered."""
        connections, lines, offer = self.node.exchange.connections, list(self.wanted.values()), self.offers.offer()
        answer: ConnectionAnswer
        if self.connection:
            answer = connections.offer(self.connection, offer, lines)
        else:
            answer = connections.open(self.owner, offer, lines)
        self.connection = answer.connection
        self.answers.append(parse(answer.sdp, max_bytes=1 << 20, max_lines=10_000))
        return self.answers[-1]

    def ssrcs(self) -> dict[str, tuple[int, ...]]:
        """Return what the last answer announced, by mid."""
        found = {
            media.mid or "": tuple(dict.fromkeys(line.ssrc for line in media.ssrcs)) for media in self.answers[-1].media
        }
        return {mid: ssrcs for mid, ssrcs in found.items() if ssrcs}

    def _rest(self, kind: str, direction: str) -> PageLine:
        """Give a line that rests, of this kind, or a new one."""
        for line in self.offers.lines:
            if line.kind == kind and line.direction == "inactive" and not line.stopped:
                line.direction = "recvonly" if direction == "recvonly" else "sendonly"
                return line
        return self.offers.add(kind, "recvonly" if direction == "recvonly" else "sendonly")
