"""Flashes, beeps and clocks in decoded files, at the UTC that the files tell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

from recorder.files import label_of

#: Between dark and white, of luma.
BRIGHT: Final = 140
#: Of a sample, -1 to 1: above noise and below a beep.
LOUD: Final = 0.1
QUIET_S: Final = 0.3
#: Of a bar code that tells milliseconds; see tests/peers/page.js.
CLOCK_BITS: Final = 16


class Moment(NamedTuple):
    """Something that was found."""

    file: str
    utc_us: int


def flashes(path: Path) -> list[Moment]:
    """Find the pictures that are bright after dark ones."""
    found, was_bright = [], True
    for utc_us, picture in _pictures(path):
        is_bright = float(picture[40:].mean()) > BRIGHT
        if is_bright and not was_bright:
            found.append(Moment(path.name, utc_us))
        was_bright = is_bright
    return found


def clocks(path: Path) -> list[tuple[int, int]]:
    """Read the bar code of all pictures: UTC that the file tells, and what the picture tells, in microseconds."""
    found = []
    for utc_us, picture in _pictures(path):
        height, width = picture.shape
        bar = width / CLOCK_BITS
        row = picture[round(height - bar / 2)]
        shown = sum(1 << bit for bit in range(CLOCK_BITS) if row[round((bit + 0.5) * bar)] > BRIGHT)
        around = 1 << CLOCK_BITS
        off_ms = (utc_us // 1000 - shown + around // 2) % around - around // 2
        found.append((utc_us, utc_us - utc_us % 1000 - off_ms * 1000))
    return found


def beeps(path: Path) -> list[Moment]:
    """Find where sound becomes loud after it was quiet for a while."""
    found, quiet_since_us = [], None
    for utc_us, rate, samples in _sounds(path):
        loud = np.flatnonzero(np.abs(samples) > LOUD)
        if not loud.size:
            quiet_since_us = utc_us if quiet_since_us is None else quiet_since_us
            continue
        begins_us = utc_us + int(loud[0]) * 1_000_000 // rate
        if quiet_since_us is not None and begins_us - quiet_since_us > QUIET_S * 1e6:
            found.append(Moment(path.name, begins_us))
        quiet_since_us = None
    return found


def _pictures(path: Path) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Give UTC and luma of all pictures."""
    for utc_us, frame in _decoded(path):
        yield utc_us, frame.to_ndarray(format="gray")


def _sounds(path: Path) -> Iterator[tuple[int, int, NDArray[np.float32]]]:
    """Give UTC of the first sample, samples a second, and the first channel."""
    for utc_us, frame in _decoded(path):
        yield utc_us, frame.sample_rate, frame.to_ndarray()[0]


def _decoded(path: Path) -> Iterator[tuple[int, Any]]:
    begins_us = label_of(path).t0
    with av.open(path) as container:
        stream: Any = container.streams[0]
        for frame in stream.container.decode(stream):
            yield begins_us + round(frame.time * 1e6), frame
