"""What goes between us and the worker process, one message a packet of a Unix socket. Core.

An order for a live picture comes with two descriptors, those of the tap's ring; one for a recorded picture with one, of
memory that holds its keyframe.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Final, NamedTuple

_ORDER: Final = struct.Struct("=II")
_PICTURE: Final = struct.Struct("=IBII")
#: The codecs of pictures in files, by the number that stands in an order.
CODECS: Final = ("H264", "H265", "VP8", "VP9", "AV1")
#: Of a keyframe and of what its decoder is told before; a screen of 1080p has some 400 KB.
MAX_FRAME_BYTES: Final = 4 << 20
MAX_CONFIGURATION_BYTES: Final = 64 << 10
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


class Picture(NamedTuple):
    """Make a still of one keyframe as it stands in a file.

    The memory holds the decoder's configuration (of MP4 the box's content, else nothing), then the frame.
    """

    job: int
    codec: str
    configuration_bytes: int
    frame_bytes: int


class Answer(NamedTuple):
    """`wall_ns`, `width`, `height` and `jpeg` are set when it is DONE."""

    said: Said
    job: int
    wall_ns: int = 0
    width: int = 0
    height: int = 0
    jpeg: bytes = b""


def write_order(order: Order | Picture) -> bytes:
    """Return an order as bytes."""
    if isinstance(order, Picture):
        return _PICTURE.pack(order.job, CODECS.index(order.codec), *order[2:])
    return _ORDER.pack(*order)


def read_order(data: bytes) -> Order | Picture:
    """Return an order. Raises ValueError."""
    if len(data) == _PICTURE.size:
        job, codec, configuration_bytes, frame_bytes = _PICTURE.unpack(data)
        return Picture(job, CODECS[codec], configuration_bytes, frame_bytes)
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
