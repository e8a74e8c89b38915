"""What a node shows whoever starts it: the link of the first administrator, or the demonstration's.

Kept apart from the server, which knows nothing of either.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dispatch.entry import Origin
from dispatch.permissions import SYSTEM
from huishang.demo.seed import seed
from signaling.auth.endpoint import welcome_link

if TYPE_CHECKING:
    from huishang.server import Node

_HOURS = 24


@dataclass(slots=True)
class Beginning:
    """Filled while the node begins. `code` is of a one-time link; `sources` are the demonstration's, by unit."""

    demonstration: bool
    code: str = ""
    sources: dict[str, str] = field(default_factory=dict)

    async def __call__(self, node: Node) -> None:
        """Look at the node before it listens. Raises Refused."""
        seeded = await seed(node.coordinator) if self.demonstration else None
        if seeded is not None:
            self.sources = seeded.sources
            self.code = await node.signin.invite(SYSTEM, seeded.chair, seeded.consultation, _HOURS, Origin())
        else:
            self.code = await node.signin.first_code() or ""

    def link(self, url: str) -> str:
        """Return the address to open: with the one-time link when there is one."""
        return welcome_link(url, self.code) if self.code else f"{url}/"
