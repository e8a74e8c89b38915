"""A node in the test's own process, so that a test sees what the plane knows of a browser."""

from __future__ import annotations

from dataclasses import dataclass

from media.plane.objects import PlaneRoute
from signaling.webrtc.records import Session
from tests.signaling.node import EVERYTHING, Node


@dataclass(frozen=True, slots=True)
class Inside:
    """As much of a server as pages ask for, around a node of this process."""

    node: Node
    token: str = EVERYTHING

    @property
    def url(self) -> str:
        return self.node.url

    def session(self, *, publishes: bool) -> Session:
        (found,) = (item for item in self.node.exchange.sessions.values() if item.publishes is publishes)
        return found

    def routes(self) -> list[PlaneRoute]:
        """Give what the only viewer is sent, its picture first."""
        return list(self.session(publishes=False).routes)
