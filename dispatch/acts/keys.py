"""A new key for what the node signs. What signs is the recorder's; here stands who asked for it, and when."""

from __future__ import annotations

from typing import Final

from dispatch.acts.base import Act, Desk, declare
from dispatch.permissions import Right

ROTATE: Final = "keys.rotate"


class Rotate(Act, frozen=True, kw_only=True):
    """Nothing is to be said: the key in force names its successor, and old keys go on proving what they signed."""


@declare(
    "keys.rotate",
    Rotate,
    right=Right.ADMIN,
    http="POST /node/keys/rotate",
    summary="Have another key sign the evidence of recordings from now on",
)
def _rotate(desk: Desk, act: Rotate) -> str:
    # An object of a kind that is not kept: it is an event.
    desk.change(ROTATE, "keys:recording")
    return ""
