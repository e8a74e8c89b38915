"""Whatever is asked for, the sender repeats what it sent and still holds, as RFC 4588 says, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from media.rtp import header, rtcp
from signaling.client.sender import CACHE_PACKETS, MediaSender
from tests.signaling.client.test_sender import media_sender, sent, track

VIDEO_SSRC, RTX_SSRC, RTX_TYPE, AUDIO_SSRC = 10, 11, 97, 20
#: A receiver that asks again sooner gets nothing: its first request is being answered.
ASKED_TOO_SOON_S = 0.02


@dataclass
class Receiver:
    """Knows every packet that came, asks for some, and judges what comes of it."""

    sender: MediaSender
    came: dict[int, header.RtpPacket] = field(default_factory=dict)
    "the newest of each number, in the order they came"
    answered: dict[int, float] = field(default_factory=dict)
    "when a number was repeated last"
    repairs: list[header.RtpPacket] = field(default_factory=list)
    expected: list[int] = field(default_factory=list)
    unrepairable: int = 0

    def frames(self, sizes: list[int], now: float) -> None:
        for size in sizes:
            payloads = [b"%d" % (len(self.came) + index) * (1 + index % 3) for index in range(size)]
            self.sender.send_frame(0, payloads, now, now)
            self.sender.send_frame(1, [b"sound"], now, now)
            for packet in sent(self.sender):
                if packet.ssrc == VIDEO_SSRC:
                    self.came.pop(packet.sequence, None)
                    self.came[packet.sequence] = packet
                    self.answered.pop(packet.sequence, None)

    def ask(self, ssrc: int, numbers: list[int], now: float) -> None:
        """Ask, and note what has to come: held, and not repeated a moment ago."""
        held = list(self.came)[-CACHE_PACKETS:]
        for number in numbers if ssrc == VIDEO_SSRC else ():
            if number not in held:
                self.unrepairable += 1
            elif now - self.answered.get(number, float("-inf")) >= ASKED_TOO_SOON_S:
                self.answered[number] = now
                self.expected.append(number)
        self.sender.receive_rtcp(rtcp.build_nack(1, ssrc, numbers), now)
        self.repairs += sent(self.sender)


frames = st.tuples(st.just("frames"), st.lists(st.sampled_from([1, 2, 7, 200]), min_size=1, max_size=4))
# Numbers back from the newest: just sent, at the edge of what is held, beyond it, and not sent yet.
distances = st.one_of(st.integers(-3, 20), st.integers(CACHE_PACKETS - 3, CACHE_PACKETS + 3), st.integers(0, 65_535))
asks = st.tuples(
    st.sampled_from([VIDEO_SSRC] * 4 + [RTX_SSRC, AUDIO_SSRC, 999]), st.lists(distances, min_size=1, max_size=40)
)
pauses = st.sampled_from([0.0, 0.001, 0.015, ASKED_TOO_SOON_S, 1.0])


@settings(max_examples=200)
@given(
    first=st.sampled_from([0, 1, 30_000, 32_767, 65_000, 65_535]),
    first_repair=st.sampled_from([0, 32_767, 65_530, 65_535]),
    steps=st.lists(st.tuples(st.one_of(frames, asks), pauses), min_size=1, max_size=20),
)
def test_what_is_held_is_repeated_and_nothing_else(
    first: int, first_repair: int, steps: list[tuple[tuple[str | int, list[int]], float]]
) -> None:
    sender = media_sender(rtx=RTX_TYPE)
    track(sender)._sequence, track(sender)._rtx_sequence = first, first_repair
    receiver, now = Receiver(sender), 1.0
    receiver.frames([3], now)
    for (what, numbers), pause in steps:
        if isinstance(what, int):
            newest = next(reversed(receiver.came))
            oldest_first = sorted(numbers, reverse=True)
            receiver.ask(what, list(dict.fromkeys((newest - back) & 0xFFFF for back in oldest_first)), now)
        else:
            receiver.frames(numbers, now)
        now += pause
    assert [int.from_bytes(repair.payload[:2], "big") for repair in receiver.repairs] == receiver.expected
    for index, (number, repair) in enumerate(zip(receiver.expected, receiver.repairs, strict=True)):
        original = receiver.came[number]
        assert repair.payload[2:] == original.payload
        assert (repair.timestamp, repair.marker) == (original.timestamp, original.marker)
        assert (repair.ssrc, repair.payload_type) == (RTX_SSRC, RTX_TYPE)
        assert repair.sequence == (first_repair + index) & 0xFFFF
    assert track(sender).counters.unrepairable == receiver.unrepairable
    assert track(sender).counters.repaired == len(receiver.repairs)
    assert sender.malformed == 0


@given(st.lists(distances, min_size=1, max_size=40))
def test_without_rtx_nothing_is_sent_again(numbers: list[int]) -> None:
    receiver = Receiver(media_sender(rtx=None))
    receiver.frames([7, 200], 1.0)
    newest = next(reversed(receiver.came))
    receiver.ask(VIDEO_SSRC, [(newest - back) & 0xFFFF for back in sorted(numbers, reverse=True)], 2.0)
    assert receiver.repairs == []
