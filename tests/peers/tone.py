"""Tones that tell sources apart by ear: making blocks of one, and finding the loudest frequency in a sound."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from av import AudioFrame

RATE_HZ: Final = 48_000
BLOCK: Final = 960
"""Samples of 20 ms."""
TOLERANCE_HZ: Final = 15.0


def block(frequency_hz: float, number: int) -> AudioFrame:
    """Return the block `number` of a continuous tone: s16, stereo, 20 ms, without times."""
    at = (np.arange(BLOCK) + number * BLOCK) / RATE_HZ
    mono = (np.sin(2 * np.pi * frequency_hz * at) * 10_000).astype(np.int16)
    frame = AudioFrame.from_ndarray(np.repeat(mono, 2).reshape(1, -1), format="s16", layout="stereo")
    frame.sample_rate = RATE_HZ
    return frame


def samples_of(frame: AudioFrame) -> npt.NDArray[np.float64]:
    """Return the first channel of a decoded block as numbers from -1 to 1."""
    values = frame.to_ndarray()
    channels = len(frame.layout.channels)
    first = values[0] if frame.format.is_planar else values[0][::channels]
    scale = 32_768.0 if np.issubdtype(values.dtype, np.integer) else 1.0
    return np.asarray(first, dtype=np.float64) / scale


def loudest_hz(samples: npt.NDArray[np.float64], rate_hz: int = RATE_HZ) -> float:
    """Return the frequency with the most energy; 0 for silence."""
    if len(samples) == 0 or float(np.abs(samples).max()) < 0.01:
        return 0.0
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum)) * rate_hz / len(samples)
