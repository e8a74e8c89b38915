"""What is known of a segment: the label inside its file, its fragments, and what is told when it is closed.

Core. Times are integer microseconds UTC. Everything here can be read again from the file alone (`reading`).
"""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import msgspec

VERSION: Final = 1
#: Of a label as JSON; it stands in every file.
MAX_LABEL_BYTES: Final = 16_384
#: Of what stands beside the names that we know.
MAX_ABOUT: Final = 64
#: What a file is called while it is written; a start recovers what it finds under such a name.
OPEN: Final = ".open"
#: Stands in the name of a file that was not closed but recovered.
RECOVERED: Final = ".recovered"

_ULID: Final = r"[0-7][0-9A-HJKMNP-TV-Z]{25}"
_NAME: Final = re.compile(rf"({_ULID})(\{RECOVERED})?\.(?:mp4|webm|mka)(\{OPEN})?")

Ulid = Annotated[str, msgspec.Meta(pattern=f"^{_ULID}$")]
Count = Annotated[int, msgspec.Meta(ge=0, lt=1 << 53)]
Side = Annotated[int, msgspec.Meta(ge=0, lt=1 << 16)]


class Codec(StrEnum):
    """What the frames of a file are; the value stands in labels."""

    H264 = "h264"
    H265 = "h265"
    AV1 = "av1"
    VP8 = "vp8"
    VP9 = "vp9"
    OPUS = "opus"
    PCMU = "pcmu"
    PCMA = "pcma"
    G722 = "g722"

    @property
    def is_picture(self) -> bool:
        return self in _PICTURES

    @property
    def suffix(self) -> str:
        """What the names of its files end in, with the dot."""
        return ".mp4" if self in _MP4 else ".webm" if self.is_picture else ".mka"


_PICTURES: Final = frozenset((Codec.H264, Codec.H265, Codec.AV1, Codec.VP8, Codec.VP9))
_MP4: Final = frozenset((Codec.H264, Codec.H265, Codec.AV1, Codec.OPUS))


class Track(msgspec.Struct, frozen=True):
    """What the caller says of the frames to come. `about` is kept as it is: source, unit, person, layer."""

    track: Ulid
    codec: Codec
    width: Side = 0
    height: Side = 0
    channels: Annotated[int, msgspec.Meta(ge=1, le=2)] = 1
    about: Annotated[dict[str, str], msgspec.Meta(max_length=MAX_ABOUT)] = {}


class Label(msgspec.Struct, frozen=True):
    """What stands in a file's head, as JSON. Fields of a newer version are left alone."""

    v: Count
    segment: Ulid
    number: Count
    """Of the segment in its track: what is missing shows."""
    t0: Count
    """UTC of the first frame."""
    mime: Annotated[str, msgspec.Meta(max_length=128)]
    """For a browser's SourceBuffer; says the codec's profile and level where its container knows them."""
    track: Track

    @property
    def name(self) -> str:
        """The file's name once it is closed; its folder is the caller's."""
        return self.segment + self.track.codec.suffix


class Fill(msgspec.Struct, frozen=True):
    """Silence that we put in where no sound came: times of its beginning and end."""

    t0: int
    t1: int


class Fragment(msgspec.Struct, frozen=True):
    """What is written in one go and can be read by itself: a fragment of MP4 or a cluster of Matroska."""

    offset: int
    bytes: int
    t0: int
    """UTC of the earliest frame."""
    t1: int
    """Where its last frame ends. What came without a successor in time is said to last a second, and may overlap."""
    frames: int
    keyframes: tuple[int, ...]
    """UTC of each, pictures only; a fragment that holds one begins with it."""
    fills: tuple[Fill, ...]


class Facts(msgspec.Struct, frozen=True):
    """A file as it is: `fragments` follow one another without a gap from the end of the head to the end of the file."""

    label: Label
    name: str
    head_bytes: int
    bytes: int
    sha256: str
    fragments: tuple[Fragment, ...]
    recovered: bool = False
    sm3: str = ""
    """Where it is wanted, of a file that was closed by who wrote it."""

    @property
    def t0(self) -> int:
        return self.label.t0

    @property
    def t1(self) -> int:
        return self.fragments[-1].t1

    @property
    def frames(self) -> int:
        return sum(fragment.frames for fragment in self.fragments)

    @property
    def keyframes(self) -> tuple[int, ...]:
        return tuple(time for fragment in self.fragments for time in fragment.keyframes)

    @property
    def fills(self) -> tuple[Fill, ...]:
        return tuple(fill for fragment in self.fragments for fill in fragment.fills)


def closed_name(path: Path, *, recovered: bool = False) -> Path:
    """Give what a file that is being written will be called. Raises ValueError for a name that is not ours."""
    found = _NAME.fullmatch(path.name)
    if not found:
        raise ValueError(f"not a segment file: {path.name}")
    name = path.name.removesuffix(OPEN)
    if recovered and not found[2]:
        name = found[1] + RECOVERED + name.removeprefix(found[1])
    return path.with_name(name)


def is_recovered(path: Path) -> bool:
    """Tell by the name whether a file was recovered."""
    found = _NAME.fullmatch(path.name)
    return bool(found and found[2])


_ENCODER: Final = msgspec.json.Encoder(order="deterministic")
_DECODER: Final = msgspec.json.Decoder(Label)


def encode_label(label: Label) -> bytes:
    """Raises ValueError for a label that is too long or not as its types say."""
    data = _ENCODER.encode(label)
    if len(data) > MAX_LABEL_BYTES:
        raise ValueError(f"a label of {len(data)} bytes")
    decode_label(data)
    return data


def decode_label(data: bytes) -> Label:
    """Raises ValueError for what is not a label."""
    return _DECODER.decode(data)
