"""The codecs that are recorded, by the plane's number: their names in SDP and in files, and their clocks. Core."""

from __future__ import annotations

from typing import Final, NamedTuple

from media.plane.names import CODECS
from media.rtp import pictures
from media.rtp.sounds import CLOCK_RATES
from media.rtp.stream import CODECS as READ
from recorder.files import Codec


class Recorded(NamedTuple):
    """`name` as `media.rtp.stream` takes it; `clock_rate` in ticks a second."""

    name: str
    codec: Codec
    clock_rate: int


#: By the number that a tap's packet has in place of its payload type.
RECORDED: Final = {
    number: Recorded(name, Codec(name.lower()), CLOCK_RATES.get(name, pictures.CLOCK_RATE))
    for number, name in enumerate(CODECS)
    if name in READ
}
