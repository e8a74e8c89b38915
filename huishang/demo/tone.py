"""A unit's sound as a core: its own tone, with the loudness of somebody speaking. No I/O, no clock."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE: Final = 48_000
BLOCK_SAMPLES: Final = 960
"""20 ms, one Opus packet."""

_AMPLITUDE: Final = 0.16
"""About -16 dBov at the loudest: clearly measurable, not startling when somebody unmutes nine tiles."""
_SYLLABLE_HZ: Final = 3.0
_PHRASE_S: Final = 6.0
_PAUSE_S: Final = 2.0


_PHRASE_BLOCKS: Final = round(_PHRASE_S * SAMPLE_RATE) // BLOCK_SAMPLES


class Tone:
    """A sine of `frequency_hz` that swells like syllables and pauses like sentences.

    Whole hertz and whole seconds make it repeat exactly with every phrase, so one phrase is computed and kept.
    """

    def __init__(self, frequency_hz: int) -> None:
        if not 50 <= frequency_hz <= 8_000:
            raise ValueError(f"tone of {frequency_hz} Hz is outside 50-8000 Hz")
        self.frequency_hz = frequency_hz
        self._blocks = self._phrase().reshape(_PHRASE_BLOCKS, BLOCK_SAMPLES)

    def block(self, index: int) -> NDArray[np.int16]:
        """Return block `index` (20 ms each): shape (960,), int16, mono, 48 kHz; not to be written to.

        Blocks join without a step in phase or loudness, in whatever order they are asked for.
        """
        block: NDArray[np.int16] = self._blocks[index % _PHRASE_BLOCKS]
        return block

    def _phrase(self) -> NDArray[np.int16]:
        seconds = np.arange(_PHRASE_BLOCKS * BLOCK_SAMPLES, dtype=np.float64) / SAMPLE_RATE
        loudness = 0.55 - 0.45 * np.cos(2 * np.pi * _SYLLABLE_HZ * seconds)
        # 50 ms ramps: a pause that starts or ends as a step would click.
        gate = np.clip((seconds - _PAUSE_S) / 0.05, 0.02, 1.0)
        gate = np.minimum(gate, np.clip((_PHRASE_S - seconds) / 0.05, 0.02, 1.0))
        wave = np.sin(2 * np.pi * self.frequency_hz * seconds)
        samples = np.asarray(wave * loudness * gate * (_AMPLITUDE * 32_767), dtype=np.int16)
        samples.flags.writeable = False
        return samples
