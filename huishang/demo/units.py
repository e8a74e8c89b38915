"""Who takes part in the demonstration: names, codecs, colours, tones and links. Data only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from huishang.demo.link import Loss, Shape

WIDTH: Final = 640
HEIGHT: Final = 360
FRAMES_PER_SECOND: Final = 15
KEYFRAME_INTERVAL_S: Final = 4


class VideoCodec(StrEnum):
    """Codec of a unit's picture; the value is the encoding name of its RTP payload format."""

    H264 = "H264"
    VP8 = "VP8"


class Scene(StrEnum):
    """What a unit's picture shows."""

    ROOM = "room"
    GROUND = "ground"
    RIDGE = "ridge"


@dataclass(frozen=True, slots=True)
class Video:
    """A unit's picture."""

    codec: VideoCodec
    scene: Scene
    colour: tuple[int, int, int]
    """Red, green, blue, 0-255: the ground of the caption band, by which a viewer can be shown to get this unit."""
    bitrate_bps: int = 350_000


@dataclass(frozen=True, slots=True)
class Unit:
    """One field unit."""

    id: str
    name: str
    tone_hz: int
    video: Video | None = None
    link: Shape | None = None
    """Impairment between the unit and the server; none means a direct path."""


UNITS: Final[tuple[Unit, ...]] = (
    Unit(
        "county-command",
        "青川县应急指挥中心会商室",
        330,
        Video(VideoCodec.H264, Scene.ROOM, (28, 74, 128)),
    ),
    Unit(
        "drone-1",
        "县消防救援大队一号无人机",
        440,
        Video(VideoCodec.VP8, Scene.GROUND, (122, 58, 24), 500_000),
    ),
    Unit(
        "township-room",
        "竹园镇人民政府会议室",
        550,
        Video(VideoCodec.H264, Scene.ROOM, (20, 98, 74)),
        Shape(delay_s=0.080, jitter_s=0.030, loss=Loss(0.03)),
    ),
    Unit("radio-phone", "卫星电话(现场救援组)", 660),
    Unit(
        "ptz-ball-2",
        "沙州镇二号布控球",
        770,
        Video(VideoCodec.H264, Scene.RIDGE, (92, 44, 112), 300_000),
    ),
)


def by_id(unit_id: str) -> Unit:
    """Return the unit called `unit_id`.

    Raises:
        KeyError: no such unit.
    """
    for unit in UNITS:
        if unit.id == unit_id:
            return unit
    raise KeyError(unit_id)
