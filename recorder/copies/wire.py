"""What goes between us and the copies' process, one JSON object a packet of a Unix socket. Core.

An order comes with descriptors: of the memory that the copy goes to, of the original, and of the files before and
behind it where these are sound that goes on without a hole.
"""

from __future__ import annotations

from typing import Final

import msgspec

from recorder.copies.plan import Plan

MAX_BYTES: Final = 4096
MAX_DESCRIPTORS: Final = 4
_MAX_TEXT: Final = 200


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Make this copy."""

    plan: Plan
    before: bool = False
    after: bool = False

    @property
    def descriptors(self) -> int:
        """How many come with it."""
        return 2 + self.before + self.after


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """It is made, or says why it cannot be."""

    unfit: str = ""


def unfit(error: Exception) -> Answer:
    """Give the answer that an error is."""
    return Answer(f"{type(error).__name__}: {error}"[:_MAX_TEXT])


encode: Final = msgspec.json.encode
order_of: Final = msgspec.json.Decoder(Order).decode
answer_of: Final = msgspec.json.Decoder(Answer).decode
