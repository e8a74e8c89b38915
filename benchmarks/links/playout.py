"""When each frame goes to the decoder, by a model of libwebrtc's video jitter buffer; a core.

What is modelled, in our own words: `JitterEstimator` (how much later than its turn a frame of the largest size may
come, by a Kalman filter of delay over size, and 2.33 standard deviations of what that leaves, less 30 ms); `VCMTiming`
(that and 10 ms for drawing is what frames wait, changed by 0.1 s each second at most, at once where a frame came too
late); and the mean of `TimestampExtrapolator`, which takes a new delay for one only after 150 frames more than 78 ms
off. Frames that were asked for again change no estimate; libwebrtc adds the round trip once three were, 0.2 s at most,
but a connection that only receives is told none, so it adds nothing, nor does this.

Not modelled: the clocks' drift (sender and viewer have one clock), decoding (5 ms are allowed for it), synchronisation
with the sound, and what follows from frame rates below 10 a second.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import exp, sqrt

MS = 1_000_000
TICKS_A_MS = 90
DRAWING_MS, DECODING_MS = 10.0, 5.0
OPERATING_SYSTEM_MS = 10.0
CHANGE_A_S = 0.1
# Of frame sizes: weight of the past in their mean, and in their largest, which decays.
MEAN_WEIGHT, LARGEST_WEIGHT = 0.97, 0.9999
CLAMP, OUTLIER, LARGE = 3.5, 15.0, 3.0
CONGESTED = -0.25
NOISE_COUNT = 400
NOISE_DEVIATIONS, NOISE_LESS_MS = 2.33, 30.0
# Of the extrapolator: errors count up to one bound, less the other, and a sum above the third is a new delay.
ERROR_MS, DRIFT_MS, CHANGED_MS = 7_000 / TICKS_A_MS, 6_600 / TICKS_A_MS, 60_000 / TICKS_A_MS


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame that could be decoded."""

    timestamp: int
    """RTP, 90 kHz."""
    size_bytes: int
    received_ns: int
    """When its last packet came."""
    decodable_ns: int
    """When all that it needs was there too."""
    was_asked_for: bool
    """Whether a packet of it came upon a NACK."""
    least_ms: float = 0.0
    """For how long the server wants it to wait at least (playout-delay)."""


class Jitter:
    """What frames are to wait for one another, in milliseconds."""

    def __init__(self) -> None:
        self._slope, self._offset = 1 / 64_000, 0.0
        self._covariance = [[1e-4, 0.0], [0.0, 1e2]]
        self._mean = self._largest = 500.0
        self._variance = 100.0
        self._noise_mean, self._noise_variance, self._noise_count = 0.0, 4.0, 1
        self._size: int | None = None
        self._estimate = 1.0

    def note(self, later_ms: float, size: int) -> None:
        """Note a frame that came so much later after the one before it than it was taken."""
        grown = size - (self._size or 0)
        deviation = sqrt(self._variance)
        mean = MEAN_WEIGHT * self._mean + (1 - MEAN_WEIGHT) * size
        if size < self._mean + 2 * deviation:
            self._mean = mean
        self._variance = max(MEAN_WEIGHT * self._variance + (1 - MEAN_WEIGHT) * (size - mean) ** 2, 1.0)
        self._largest = max(LARGEST_WEIGHT * self._largest, size)
        first, self._size = self._size is None, size
        if first:
            return
        noise = sqrt(self._noise_variance)
        later_ms = min(max(later_ms, -CLAMP * noise), CLAMP * noise)
        rest = later_ms - (self._slope * grown + self._offset)
        if abs(rest) < OUTLIER * noise or size > self._mean + LARGE * sqrt(self._variance):
            # What comes right behind a large frame was only held up by it.
            if grown > CONGESTED * self._largest:
                self._note_noise(rest)
                self._fit(later_ms, grown)
        else:
            self._note_noise(OUTLIER * noise * (1 if rest >= 0 else -1))

    @property
    def wait_ms(self) -> float:
        """How long frames wait for later ones."""
        noise = max(NOISE_DEVIATIONS * sqrt(self._noise_variance) - NOISE_LESS_MS, 1.0)
        found = self._slope * (self._largest - self._mean) + noise
        if found >= 1.0:
            self._estimate = min(found, 10_000.0)
        return self._estimate + OPERATING_SYSTEM_MS

    def _note_noise(self, rest: float) -> None:
        # At 15 frames a second each counts for two.
        past = ((self._noise_count - 1) / self._noise_count) ** 2
        self._noise_count = min(self._noise_count + 1, NOISE_COUNT)
        variance = past * self._noise_variance + (1 - past) * (rest - self._noise_mean) ** 2
        self._noise_mean = past * self._noise_mean + (1 - past) * rest
        self._noise_variance = max(variance, 1.0)

    def _fit(self, later_ms: float, grown: int) -> None:
        """One step of the Kalman filter of delay = slope * growth + offset."""
        (a, b), (c, d) = self._covariance
        a, d = a + 2.5e-10, d + 1e-10
        sigma = max((300.0 * exp(-abs(grown) / self._largest) + 1.0) * sqrt(self._noise_variance), 1.0)
        to_slope, to_offset = a * grown + b, c * grown + d
        spread = grown * to_slope + to_offset + sigma
        gain = to_slope / spread, to_offset / spread
        error = later_ms - (self._slope * grown + self._offset)
        self._slope = max(self._slope + gain[0] * error, 1e-6)
        self._offset += gain[1] * error
        self._covariance = [
            [a - gain[0] * (a * grown + c), b - gain[0] * (b * grown + d)],
            [c - gain[1] * (a * grown + c), d - gain[1] * (b * grown + d)],
        ]


class Turn:
    """When a frame's turn is: its timestamp and the mean of all delays since the last that was a new one."""

    def __init__(self) -> None:
        self._mean_ms, self._count = 0.0, 0
        self._early = self._late = 0.0

    def note(self, taken_ms: float, came_ms: float) -> None:
        """Note when a frame was taken and when it came."""
        error = came_ms - taken_ms - self._mean_ms if self._count else 0.0
        bounded = min(max(error, -ERROR_MS), ERROR_MS)
        self._late = max(self._late + bounded - DRIFT_MS, 0.0)
        self._early = min(self._early + bounded + DRIFT_MS, 0.0)
        if self._late > CHANGED_MS or self._early < -CHANGED_MS:
            self._count, self._late, self._early = 0, 0.0, 0.0
        self._count += 1
        self._mean_ms += (came_ms - taken_ms - self._mean_ms) / self._count

    def of(self, taken_ms: float) -> float:
        """Say when a frame that was taken then should come."""
        return taken_ms + self._mean_ms


def decoded_ns(frames: Iterable[Frame]) -> list[int]:
    """Return when each frame goes to the decoder; frames come in the order in which they are shown."""
    jitter, turn = Jitter(), Turn()
    waits_ms = jitter.wait_ms + DECODING_MS + DRAWING_MS
    taken_ms = last_ms = measured_taken_ms = measured_came_ms = 0.0
    timestamp: int | None = None
    moments: list[int] = []
    for frame in frames:
        step_ms = _step(frame.timestamp if timestamp is None else timestamp, frame.timestamp) / TICKS_A_MS
        timestamp, taken_ms, came_ms = frame.timestamp, taken_ms + step_ms, frame.received_ns / MS
        if not frame.was_asked_for:
            turn.note(taken_ms, came_ms)
        due_ms = turn.of(taken_ms) + waits_ms - DECODING_MS - DRAWING_MS
        at_ms = max(frame.decodable_ns / MS, due_ms, last_ms)
        if not frame.was_asked_for:
            if measured_came_ms:
                jitter.note(came_ms - measured_came_ms - (taken_ms - measured_taken_ms), frame.size_bytes)
            measured_came_ms, measured_taken_ms = came_ms, taken_ms
        target_ms = max(jitter.wait_ms + DECODING_MS + DRAWING_MS, frame.least_ms)
        most = CHANGE_A_S * max(step_ms, 0.0)
        waits_ms += min(max(target_ms - waits_ms, -most), most)
        if at_ms > due_ms:
            waits_ms = min(waits_ms + at_ms - due_ms, target_ms)
        moments.append(round(at_ms * MS))
        last_ms = at_ms
    return moments


def _step(before: int, after: int) -> int:
    return (after - before + 0x80000000) % 0x100000000 - 0x80000000
