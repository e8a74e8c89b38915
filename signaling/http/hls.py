"""A track as an HLS playlist (RFC 8216, draft-pantos-hls-rfc8216bis) over its segment files, or copies of them. Core.

Every file begins its own time at 0 and has a head of its own, so each is a discontinuity with a map; what ties them to
one another is the wall clock. They are asked for with their times moved on (`shifting`) for those that heed no
discontinuity. Where nothing was recorded the clock jumps; what policy has deleted is a gap.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from dispatch.store.segments import SegmentRow

CONTENT_TYPE: Final = "application/vnd.apple.mpegurl"
#: What fragmented MP4 carries, by our names. VP8 and VP9 in WebM and sound in Matroska are no HLS.
CARRIED: Final = frozenset({"h264", "h265", "av1", "opus"})
#: EXT-X-GAP is of version 8.
_VERSION: Final = 8
#: At least, while the recording runs: it must not change (section 4.4.3.1), and the next segment is not known yet.
LIVE_SECONDS: Final = 12
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Playlist:
    """The playlist of one track; segments are added in the order of their times. `live`: more will come."""

    def __init__(self, *, live: bool) -> None:
        self._live = live
        self._last: SegmentRow | None = None
        self._last_copy = ""
        self._lines: list[str] = []
        self._longest_us = 0
        self._begin_us = 0
        self.segments = 0
        self.playable = 0
        """Those whose files are there."""
        self.unfit = 0
        """How many cannot be carried, and are left out."""

    def add(self, row: SegmentRow, copy: str = "") -> None:
        """Add the next segment. `copy`: which copy of it the row is."""
        if row.codec not in CARRIED:
            self.unfit += 1
            return
        if self._last is not None and self._last.segment == row.segment:
            return  # a chain names it twice where a crash left open whether it had named it
        self.segments += 1
        self.playable += not row.deleted_us
        # The last picture of a file may be said to last into the next file.
        self._close(until_us=row.t0_us)
        self._last, self._last_copy = row, copy

    def text(self) -> str:
        """Give the playlist; nothing can be added to it any more."""
        self._close(until_us=None)
        longest = max(1, (self._longest_us + 500_000) // 1_000_000)
        return "\n".join(
            [
                "#EXTM3U",
                f"#EXT-X-VERSION:{_VERSION}",
                f"#EXT-X-TARGETDURATION:{max(longest, LIVE_SECONDS) if self._live else longest}",
                "#EXT-X-MEDIA-SEQUENCE:0",
                f"#EXT-X-PLAYLIST-TYPE:{'EVENT' if self._live else 'VOD'}",
                "#EXT-X-INDEPENDENT-SEGMENTS",
                *self._lines,
                *([] if self._live else ["#EXT-X-ENDLIST"]),
                "",
            ]
        )

    def _close(self, until_us: int | None) -> None:
        """Write down the last segment, which ends where the next one begins at the latest."""
        row, self._last = self._last, None
        if row is None:
            return
        end_us = min(row.t1_us, until_us) if until_us is not None and until_us > row.t0_us else row.t1_us
        length_us = max(1, end_us - row.t0_us)
        self._longest_us = max(self._longest_us, length_us)
        if self._lines:
            self._lines.append("#EXT-X-DISCONTINUITY")
        else:
            self._begin_us = row.t0_us
        self._lines += _lines(row, self._last_copy, length_us, row.t0_us - self._begin_us)


def _lines(row: SegmentRow, copy: str, length_us: int, shift_us: int) -> Iterator[str]:
    # Beside the playlist, which is at `tracks/TRACK.m3u8`. FFmpeg opens no segment whose name does not end so.
    query = [*([f"copy={copy}"] if copy else []), *([f"shift_us={shift_us}"] if shift_us else [])]
    address = f"../segments/{row.segment}.mp4" + (f"?{'&'.join(query)}" if query else "")
    if row.deleted_us:
        yield "#EXT-X-GAP"
    else:
        yield f'#EXT-X-MAP:URI="{address}",BYTERANGE="{row.head_bytes}@0"'
    yield f"#EXT-X-PROGRAM-DATE-TIME:{_date(row.t0_us)}"
    yield f"#EXTINF:{length_us // 1_000_000}.{length_us % 1_000_000:06d},"
    yield f"#EXT-X-BYTERANGE:{row.bytes - row.head_bytes}@{row.head_bytes}"
    yield address


def _date(at_us: int) -> str:
    return (_EPOCH + timedelta(microseconds=at_us)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
