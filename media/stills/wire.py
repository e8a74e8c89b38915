"""What goes between us and the worker process, one message a packet of a Unix socket. Core.

An order comes with two descriptors, those of the tap's ring.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Final, NamedTuple

_ORDER: Final = struct.Struct("=II")
_ANSWER: Final = struct.Struct("=BIQHH")
#: An answer: its head and a JPEG, which is no larger than this whatever it shows.
MAX_JPEG_BYTES: Final = 64 << 10
MAX_BYTES: Final = _ANSWER.size + MAX_JPEG_BYTES


class Said(IntEnum):
    """What the worker says of a job: it begins to decode, or how the job ended."""

    DECODING = 1
    DONE = 2
    NOTHING = 3
    UNFIT = 4


class Order(NamedTuple):
    """Wait so long for a keyframe in the ring, and make a still of it."""

    job: int
    wait_ms: int


class Answer(NamedTuple):
    """`wall_ns`, `width`, `height` and `jpeg` are set when it is DONE."""

    said: Said
    job: int
    wall_ns: int = 0
    width: int = 0
    height: int = 0
    jpeg: bytes = b""


def write_order(order: Order) -> bytes:
    """Return an order as bytes."""
    return _ORDER.pack(*order)


def read_order(data: bytes) -> Order:
    """Return an order. Raises ValueError."""
    if len(data) != _ORDER.size:
        raise ValueError("no order")
    return Order(*_ORDER.unpack(data))


def write_answer(answer: Answer) -> bytes:
    """Return an answer as bytes."""
    return _ANSWER.pack(*answer[:5]) + answer.jpeg


def read_answer(data: bytes) -> Answer:
    """Return an answer: the worker may have been taken over by what it decodes. Raises ValueError."""
    if not _ANSWER.size <= len(data) <= MAX_BYTES:
        raise ValueError("no answer")
    said, job, wall_ns, width, height = _ANSWER.unpack_from(data)
    return Answer(Said(said), job, wall_ns, width, height, data[_ANSWER.size :])
