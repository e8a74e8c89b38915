import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from huishang.demo.tone import BLOCK_SAMPLES, SAMPLE_RATE, Tone


def strongest_hz(samples: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * SAMPLE_RATE / len(samples))


@given(st.sampled_from([330, 440, 660, 770]), st.integers(0, 200_000_000))
def test_tone_keeps_its_frequency_even_after_weeks(frequency: int, start: int) -> None:
    tone = Tone(frequency)
    samples = np.concatenate([tone.block(start + index) for index in range(200)]).astype(float)
    assert abs(strongest_hz(samples) - frequency) <= 1


@given(st.integers(0, 1_000_000))
def test_blocks_join_without_a_click(index: int) -> None:
    tone = Tone(440)
    joined = np.concatenate([tone.block(index), tone.block(index + 1)]).astype(int)
    steps = np.abs(np.diff(joined))
    assert steps[BLOCK_SAMPLES - 1] <= steps.max(initial=1) <= 2 * np.pi * 440 / SAMPLE_RATE * 5_300 * 1.2


def test_loudness_speaks_and_pauses() -> None:
    tone = Tone(550)
    peaks = [int(np.abs(tone.block(index)).max()) for index in range(300)]
    assert max(peaks) > 4_000
    assert min(peaks) < 200


def test_frequency_outside_hearing_of_opus_voice_is_refused() -> None:
    with pytest.raises(ValueError, match="outside"):
        Tone(20_000)
