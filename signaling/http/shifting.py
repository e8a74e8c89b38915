"""The times in a segment's file moved on, for players that know but one timeline. Core.

A file begins its own time at 0. FFmpeg, and what is made of it, heeds no discontinuity in fragmented MP4: it drops the
first fragment of each file that begins anew. Only `prft` and `tfdt` of a fragment say when it is (ISO/IEC 14496-12
sections 8.16.5 and 8.8.12), both in 64 bits, so the file keeps its length and byte ranges stay what they are.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from recorder.files.mp4reading import BOX_HEAD

#: Gives some bytes of the file at an offset; fewer at its end.
Read = Callable[[int, int], bytes]
#: Where 8 bytes stand otherwise, and which.
Change = tuple[int, bytes]
VALUE_BYTES: Final = 8
#: Boxes of one file: an hour has some 30,000.
MAX_BOXES: Final = 200_000
#: box -> where its time stands.
_PLACES: Final = {b"prft": 24, b"moof": 64}
_MOOF_NAME: Final = slice(56, 60)


def changes(read: Read, begin: int, end: int, ticks: int) -> Iterator[Change]:
    """Give what changes between the head and the end of a file, in order. Raises ValueError for another than ours."""
    for _ in range(MAX_BOXES):
        if begin == end:
            return
        head = read(begin, BOX_HEAD.size)
        if len(head) < BOX_HEAD.size:
            raise ValueError("a box is cut off")
        size, name = BOX_HEAD.unpack(head)
        place = _PLACES.get(name)
        if size < BOX_HEAD.size + (place or 0) or begin + size > end:
            raise ValueError("a box that does not fit")
        if place is not None:
            box = read(begin, place + VALUE_BYTES)
            if len(box) < place + VALUE_BYTES or (name == b"moof" and box[_MOOF_NAME] != b"tfdt"):
                raise ValueError("other boxes than ours")
            time = int.from_bytes(box[place:], "big") + ticks
            yield begin + place, (time % (1 << 64)).to_bytes(VALUE_BYTES, "big")
        begin += size
    raise ValueError("more boxes than a file has")


def overlay(piece: bytes, at: int, changed: Sequence[Change]) -> bytes:
    """Return a piece of the file, which begins at an offset, with what of the changes falls into it."""
    made = bytearray(piece)
    index = bisect_left(changed, (at - VALUE_BYTES + 1, b""))
    for offset, data in changed[index : bisect_left(changed, (at + len(piece), b""))]:
        first, last = max(offset, at), min(offset + len(data), at + len(piece))
        made[first - at : last - at] = data[first - offset : last - offset]
    return bytes(made)
