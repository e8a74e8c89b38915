"""G.711 and G.722 for a clip: copies in Opus, made beside the clip while it is made, because MP4 and WebM have no place
for the originals. Who asked is told that they are copies; the bundle has the originals.

Shell, in the export's process only: what is decoded came from outside.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from recorder.copies import CopyUnfit
from recorder.copies.plan import RATES, plan_of
from recorder.export import originals, outlet
from recorder.export.errors import ExportFailed, ExportRefused
from recorder.export.outlet import Tell
from recorder.files.listing import Listing

_FOLLOWS_US: Final = 20_000
"""A file that begins within this of another's end goes on with its sound."""


@contextlib.contextmanager
def as_opus(
    sounds: Sequence[Path], begin: int, until: int, path: Path, tell: Tell
) -> Iterator[tuple[list[Path], Tell]]:
    """Give the files of a sound, in the order of their times, with copies in place of what is to be copied.

    They lie beside `path` until the block ends. Making them is told as the first half of what there is to do; what is
    given is to be told of the second. Raises ExportRefused, ExportFull, ExportFailed and what `tell` raises.
    """
    listings = [originals.listing(sound) for sound in sounds]
    chosen = [number for number, each in enumerate(listings) if _is_copied(each) and _overlaps(each, begin, until)]
    given = {number: sound for number, sound in enumerate(sounds) if not _is_copied(listings[number])}
    if not chosen:
        yield [*given.values()], tell
        return
    folder = outlet.beside(path)
    try:
        with outlet.refused(folder.name):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o700)
        for done, number in enumerate(chosen):
            data = _copy(sounds, listings, number)
            given[number] = folder / f"{number}.mp4"
            with outlet.refused(folder.name):
                given[number].write_bytes(data)
            tell(done + 1, 2 * len(chosen))
        yield [given[number] for number in sorted(given)], _second_half(tell)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _second_half(tell: Tell) -> Tell:
    return lambda done, total: tell(total + done, 2 * total)


def _is_copied(listing: Listing) -> bool:
    return listing.label.track.codec in RATES


def _end(listing: Listing) -> int:
    return max((each.pts_us + each.duration_us for each in listing.frames), default=listing.label.t0)


def _overlaps(listing: Listing, begin: int, until: int) -> bool:
    return bool(listing.frames) and listing.label.t0 < until and _end(listing) > begin


def _copy(sounds: Sequence[Path], listings: Sequence[Listing], number: int) -> bytes:
    # Only who needs them brings decoders and encoders.
    import av.logging

    from recorder.copies.making import copy_of

    av.logging.set_level(av.logging.PANIC)
    label, end = listings[number].label, _end(listings[number])
    try:
        plan = plan_of(label.track.codec, label.segment, label.track.track, label.number, label.t0, end)
        with contextlib.ExitStack() as ends:
            own = _open(sounds[number], ends)
            before = _open(sounds[number - 1], ends) if _goes_on(listings, number) else None
            after = _open(sounds[number + 1], ends) if _goes_on(listings, number + 1) else None
            return copy_of(plan, own, before, after)
    except CopyUnfit as error:
        raise ExportRefused("damaged", f"{sounds[number].name}: {error}") from error


def _goes_on(listings: Sequence[Listing], number: int) -> bool:
    """Tell whether a file goes on with the sound of the one before it."""
    if not 0 < number < len(listings):
        return False
    return abs(listings[number].label.t0 - _end(listings[number - 1])) < _FOLLOWS_US


def _open(path: Path, ends: contextlib.ExitStack) -> int:
    try:
        fd = originals.opened(path)
    except OSError as error:
        raise ExportFailed(f"{path.name}: {error.strerror}") from error
    ends.callback(os.close, fd)
    return fd
