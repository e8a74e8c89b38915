"""How each picture codec's payloads become what a decoder or a file takes. Core; see `pictures.Joiner`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from media.plane.bitstream import picture_size
from media.plane.names import Header
from media.rtp import av1, h264, h265, vp8, vp9
from media.rtp.header import PayloadError
from media.rtp.pictures import Joiner, Picture

_START_CODE: Final = b"\x00\x00\x00\x01"
#: Parameter sets that are kept of a stream: a stream has two or three.
MOST_SETS: Final = 16
MOST_SETS_BYTES: Final = 16 << 10


class _Syntax(NamedTuple):
    """What differs between H.264 and H.265."""

    depacketize: Callable[[Sequence[bytes]], list[bytes]]
    starts: Callable[[bytes], bool]
    kind_of: Callable[[bytes], int]
    pictures: range
    keys: range
    sets: frozenset[int]
    sequence_set: int
    header: Header
    header_bytes: int


_H264: Final = _Syntax(
    h264.depacketize,
    h264.starts_picture,
    lambda u: u[0] & 31,
    range(1, 6),
    range(5, 6),
    frozenset((7, 8)),
    7,
    "h264_sps",
    1,
)
_H265: Final = _Syntax(
    h265.depacketize,
    h265.starts_picture,
    h265.kind_of,
    range(h265.VPS),
    range(h265.FIRST_IRAP, h265.LAST_IRAP + 1),
    frozenset((h265.VPS, h265.SPS, h265.PPS)),
    h265.SPS,
    "h265_sps",
    2,
)


class NalJoiner:
    """H.264 and H.265 as Annex B.

    A keyframe that comes without parameter sets gets the last ones that are known put before it, so that a file may
    begin with it. Without any it is none. Behind a gap it is refused when the stream's keyframes bring their own: those
    were lost.
    """

    def __init__(self, syntax: _Syntax, parameter_sets: Sequence[bytes] = ()) -> None:
        self._syntax = syntax
        self._sets = list(parameter_sets)
        self._carries_sets = False
        self.starts = syntax.starts

    def join(self, payloads: Sequence[bytes], *, after_gap: bool) -> Picture | None:
        """Return the access unit; None if it has no slice."""
        syntax = self._syntax
        units = syntax.depacketize(payloads)
        kinds = [syntax.kind_of(unit) for unit in units]
        has_sequence = syntax.sequence_set in kinds
        if not syntax.sets.isdisjoint(kinds):
            self._keep([unit for unit, kind in zip(units, kinds, strict=True) if kind in syntax.sets], has_sequence)
        if not any(kind in syntax.pictures for kind in kinds):
            return None
        if not any(kind in syntax.keys for kind in kinds):
            return Picture(_annex_b(units), False, None)
        if after_gap and not has_sequence and (self._carries_sets or not self._sets):
            raise PayloadError("a keyframe whose parameter sets are missing")
        self._carries_sets = has_sequence
        if not has_sequence:
            units = self._sets + units
        size = self._size(units)
        return Picture(_annex_b(units), size is not None, size)

    def _keep(self, sets: list[bytes], has_sequence: bool) -> None:
        known = sets if has_sequence else self._sets + [one for one in sets if one not in self._sets]
        if len(known) > MOST_SETS or sum(map(len, known)) > MOST_SETS_BYTES:
            raise PayloadError("more parameter sets than a stream has")
        self._sets = known

    def _size(self, units: Sequence[bytes]) -> tuple[int, int] | None:
        """Return the size by the last sequence parameter set; None if there is none that can be read."""
        for unit in reversed(units):
            if self._syntax.kind_of(unit) == self._syntax.sequence_set:
                return picture_size(self._syntax.header, unit[self._syntax.header_bytes :])
        return None


def _annex_b(units: Sequence[bytes]) -> bytes:
    return _START_CODE + _START_CODE.join(units)


class Vp8Joiner:
    """VP8 frames."""

    starts = staticmethod(vp8.starts_picture)

    def join(self, payloads: Sequence[bytes], *, after_gap: bool) -> Picture | None:
        """Return the frame. A keyframe has a header that can be read (RFC 6386 section 9.1)."""
        frame = vp8.depacketize(payloads)
        if not vp8.is_keyframe(frame):
            return Picture(frame, False, None)
        size = picture_size("vp8_frame", frame)
        if size is None:
            raise PayloadError("VP8 keyframe header")
        return Picture(frame, True, size)


class Vp9Joiner:
    """VP9 frames, of several spatial layers as one superframe."""

    starts = staticmethod(vp9.starts_picture)

    def join(self, payloads: Sequence[bytes], *, after_gap: bool) -> Picture | None:
        """Return the picture; with layers it is as large as the largest, which may begin without a keyframe."""
        frames = vp9.depacketize(payloads)
        key_size = picture_size("vp9_frame", frames[0])
        size = vp9.read_descriptor(payloads[0]).size or (key_size if len(frames) == 1 else None)
        return Picture(vp9.superframe(frames), key_size is not None, size)


class Av1Joiner:
    """AV1 temporal units."""

    starts = staticmethod(av1.starts_picture)

    def join(self, payloads: Sequence[bytes], *, after_gap: bool) -> Picture | None:
        """Return the temporal unit with its delimiter and sizes."""
        obus = av1.depacketize(payloads)
        is_keyframe = av1.is_keyframe(obus)
        header = av1.sequence_header(obus) if is_keyframe else None
        size = picture_size("av1_sequence_header", header) if header is not None else None
        return Picture(av1.temporal_unit(obus), is_keyframe, size)


#: By the codec's name in SDP.
JOINERS: Final[Mapping[str, Callable[[Sequence[bytes]], Joiner]]] = {
    "H264": lambda sets: NalJoiner(_H264, sets),
    "H265": lambda sets: NalJoiner(_H265, sets),
    "VP8": lambda _: Vp8Joiner(),
    "VP9": lambda _: Vp9Joiner(),
    "AV1": lambda _: Av1Joiner(),
}
