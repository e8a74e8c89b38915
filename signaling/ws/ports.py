"""What the WebSocket needs of others, as Protocols bound in the composition root."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from dispatch.permissions import Actor
from signaling.ws.messages import AnsweredLine, Layers, LineQuality, LineSize, Link, Offer


class Identify(Protocol):
    """Tells who holds an access token."""

    def __call__(self, token: str) -> tuple[Actor, int]:
        """Return who it is, and when the sign-in ends (microseconds UTC). Raises Refused."""
        ...


class Page(Protocol):
    """A page's connection as its media see it. Both may be called at any time, also after it has ended."""

    @property
    def id(self) -> str: ...

    @property
    def actor(self) -> Actor: ...

    @property
    def device(self) -> str: ...

    def flow(self, number: int, lines: Sequence[AnsweredLine]) -> None:
        """Tell that lines of the media connection with this number were opened, paused or closed."""
        ...

    def ended(self, number: int, code: str) -> None:
        """Tell that the media connection with this number is over."""
        ...

    def news(self, message: Link | Layers) -> None:
        """Tell how its link is, or which of the layers that it sends are needed."""
        ...


class MediaDoor(Protocol):
    """The media connections of pages, one each."""

    async def offer(self, page: Page, offer: Offer) -> tuple[str, Sequence[AnsweredLine]]:
        """Return the answer's SDP and lines; there is never more than one offer of a page in hand. Raises Refused."""
        ...

    def hangup(self, page: Page) -> None:
        """End the page's media connection; of no effect when there is none. Called when the page is gone, too."""
        ...

    def see(self, page: Page, number: int, lines: Sequence[LineSize]) -> None:
        """Take how the page shows the lines of its media connection with this number."""
        ...

    def quality(self, page: Page, rtt_ms: float, lines: Sequence[LineQuality]) -> None: ...


#: Gives the tracks that a source has now: "video", "audio".
Tracks = Callable[[str], Sequence[str]]
