"""What a sender does on top of a connection: RTP headers, sender reports, retransmission.  Core.

No sockets, no clock: `now` and capture times are monotonic seconds; UTC follows from them by one offset, so
that the (RTP, NTP) pairs of the reports are exact and all tracks share one clock.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from media.rtp import header, rtcp
from signaling.sdp.accepted import AcceptedMedia
from signaling.sdp.extensions import AUDIO_LEVEL, MID, REPAIRED_RID, RID, TRANSPORT_CC
from signaling.sdp.offer import PublishTrack

REPORT_SECONDS: Final = 1.0
#: Packets kept for retransmission: about a second of a 5 Mb/s picture.
CACHE_PACKETS: Final = 512
#: The same packet is not sent again sooner: a NACK that crossed its repair must not double it.
_REPAIR_INTERVAL_SECONDS: Final = 0.02
_REPAIR_HEADER_BYTES: Final = 2


@dataclass(frozen=True, slots=True)
class KeyframeRequested:
    """The receiver asks for a keyframe of this layer of the track with this index (PLI, or a new FIR)."""

    track: int
    layer: int = 0


@dataclass(slots=True)
class TrackCounters:
    """What a track has sent; RTP payload bytes, without headers."""

    packets: int = 0
    payload_bytes: int = 0
    repaired: int = 0
    """Packets sent again on request."""
    unrepairable: int = 0
    """Requests for packets that are too old, or of a track without RTX."""


@dataclass(slots=True)
class _Sent:
    payload: bytes
    timestamp: int
    marker: bool
    repaired_at: float = float("-inf")


class TrackSender:
    """One stream, a track or one layer of it: its identifiers, counters and cache."""

    def __init__(
        self, line: AcceptedMedia, track: PublishTrack, ssrc: int, rtx_ssrc: int | None, rid: str | None = None
    ) -> None:
        """Set up from the answer's line; its first codec is sent.

        `rid` names a layer in every packet (RFC 8852), for its SSRCs are not announced.
        """
        accepted = line.codecs[0]
        self.codec = accepted.codec
        self.ssrc = ssrc
        self.cname = track.cname
        self.counters = TrackCounters()
        self.keyframe_sequence: int | None = None
        self.report_due: float | None = None
        """Monotonic seconds of the next sender report; None until something was sent."""
        self._rtx_payload_type = accepted.rtx_payload_type if rtx_ssrc is not None else None
        self._rtx_ssrc = rtx_ssrc
        self._names = _names(line, (MID, line.mid), (RID, rid))
        self._rtx_names = _names(line, (MID, line.mid), (REPAIRED_RID, rid))
        self._level_id = line.extensions.get(AUDIO_LEVEL)
        self.transport_wide_id = line.extensions.get(TRANSPORT_CC)
        self._sequence = secrets.randbits(15)  # RFC 3711 section 3.3.1: start in the lower half
        self._rtx_sequence = secrets.randbits(15)
        self._timestamp_base = secrets.randbits(32)
        self._cache: OrderedDict[int, _Sent] = OrderedDict()

    def timestamp(self, seconds: float) -> int:
        """RTP timestamp of a monotonic time, exact to a tick."""
        return (self._timestamp_base + round(seconds * self.codec.clock_rate)) & 0xFFFFFFFF

    def packet(self, payload: bytes, timestamp: int, marker: bool, level: int | None, wide: int | None) -> bytes:
        """Number, keep and build the next packet; `wide` is its transport-wide sequence number."""
        sequence = self._sequence
        self._sequence = (sequence + 1) & 0xFFFF
        if self._rtx_payload_type is not None:
            self._cache[sequence] = _Sent(payload, timestamp, marker)
            if len(self._cache) > CACHE_PACKETS:
                self._cache.popitem(last=False)
        self.counters.packets += 1
        self.counters.payload_bytes += len(payload)
        extensions = [*self._names, *self._wide(wide)]
        if level is not None and self._level_id is not None:
            extensions.append((self._level_id, bytes((level & 0x7F,))))
        return header.build(
            payload,
            payload_type=self.codec.payload_type,
            sequence=sequence,
            timestamp=timestamp,
            ssrc=self.ssrc,
            marker=marker,
            extensions=extensions,
        )

    def wanted(self, sequence: int, now: float) -> _Sent | None:
        """The cached packet if it may be sent again now; notes that it is."""
        sent = self._cache.get(sequence)
        if sent is None:
            self.counters.unrepairable += 1
            return None
        if now - sent.repaired_at < _REPAIR_INTERVAL_SECONDS:
            return None
        sent.repaired_at = now
        return sent

    def repair(self, sequence: int, sent: _Sent, wide: int | None) -> bytes:
        """Build the retransmission (RFC 4588): own SSRC and sequence, the original one before the payload."""
        assert self._rtx_payload_type is not None and self._rtx_ssrc is not None
        rtx_sequence = self._rtx_sequence
        self._rtx_sequence = (rtx_sequence + 1) & 0xFFFF
        self.counters.repaired += 1
        return header.build(
            sequence.to_bytes(_REPAIR_HEADER_BYTES, "big") + sent.payload,
            payload_type=self._rtx_payload_type,
            sequence=rtx_sequence,
            timestamp=sent.timestamp,
            ssrc=self._rtx_ssrc,
            marker=sent.marker,
            extensions=[*self._rtx_names, *self._wide(wide)],
        )

    def _wide(self, wide: int | None) -> list[tuple[int, bytes]]:
        if wide is None or self.transport_wide_id is None:
            return []
        return [(self.transport_wide_id, wide.to_bytes(2, "big"))]


def _names(line: AcceptedMedia, *names: tuple[str, str | None]) -> list[tuple[int, bytes]]:
    """The header extensions that tell which line and layer a packet is of, as far as the answer takes them."""
    return [(line.extensions[uri], name.encode()) for uri, name in names if name and uri in line.extensions]


def _layers(line: AcceptedMedia, track: PublishTrack) -> list[TrackSender | None]:
    """The senders of a track, one a layer in the order of its `rids`; None where the answer does not take it.

    An answer without simulcast takes one stream (RFC 8853 section 5.3.3): the first layer, without a name.
    """
    if line.rejected or not line.codecs:
        return [None]
    if not track.rids:
        return [None] if track.ssrc is None else [TrackSender(line, track, track.ssrc, track.rtx_ssrc)]
    ssrcs = _fresh_ssrcs(2 * len(track.rids))
    if not line.rids:
        return [TrackSender(line, track, ssrcs[0], ssrcs[1])]
    return [
        TrackSender(line, track, ssrcs[2 * at], ssrcs[2 * at + 1], rid) if rid in line.rids else None
        for at, rid in enumerate(track.rids)
    ]


def _fresh_ssrcs(count: int) -> list[int]:
    return [1 + number for number in secrets.SystemRandom().sample(range(0xFFFFFFFF), count)]


class MediaSender:
    """All tracks of one connection.

    Mutate once (`send_frame`, `receive_rtcp`, `handle_timer`), then drain `rtp_to_send`, `rtcp_to_send` and
    `next_event`.
    """

    def __init__(self, lines: Sequence[AcceptedMedia], tracks: Sequence[PublishTrack], unix_offset_ns: int) -> None:
        """Set up; `lines` and `tracks` correspond, refused lines make a track that sends nothing.

        SSRCs of simulcast layers are chosen here by chance.

        `unix_offset_ns` is UTC minus monotonic time, read once, so that a stepped clock moves nothing.
        """
        self._tracks = [_layers(line, track) for line, track in zip(lines, tracks, strict=True)]
        self._by_ssrc = {
            sender.ssrc: (KeyframeRequested(index, layer), sender)
            for index, senders in enumerate(self._tracks)
            for layer, sender in enumerate(senders)
            if sender is not None
        }
        self._unix_offset_ns = unix_offset_ns
        self._wide_sequence = secrets.randbits(16)
        self._rtp: deque[bytes] = deque()
        self._rtcp: deque[bytes] = deque()
        self._events: deque[KeyframeRequested] = deque()
        self.malformed = 0
        """RTCP packets that could not be read."""

    def track(self, index: int, layer: int = 0) -> TrackSender | None:
        """The stream of a line or of one of its layers, None when the server did not take it."""
        layers = self._tracks[index]
        return layers[layer] if layer < len(layers) else None

    def send_frame(
        self,
        index: int,
        payloads: Sequence[bytes],
        captured: float,
        now: float,
        *,
        level: int | None = None,
        layer: int = 0,
    ) -> None:
        """Send one picture or sound packet captured at `captured`; the last payload gets a picture's marker.

        `level` is an audio level in -dBov, 0 to 127 (RFC 6464).  `layer` is the place in the track's `rids`;
        a layer that the server did not take sends nothing.
        """
        track = self.track(index, layer)
        if track is None or not payloads:
            return
        timestamp = track.timestamp(captured)
        video = track.codec.clock_rate == 90000
        for position, payload in enumerate(payloads, 1):
            marker = video and position == len(payloads)
            self._rtp.append(track.packet(payload, timestamp, marker, level, self._next_wide(track)))
        if track.report_due is None:
            # The first report goes with the first frame: receivers can tell the capture time at once.
            self._report(track, now)

    def receive_rtcp(self, compound: bytes, now: float) -> None:
        """React to the receiver's feedback; what cannot be read is counted."""
        try:
            items = rtcp.parse(compound)
        except header.PacketError:
            self.malformed += 1
            return
        for item in items:
            if isinstance(item, rtcp.KeyframeWanted):
                self._keyframe_wanted(item)
            elif isinstance(item, rtcp.PacketsWanted):
                self._packets_wanted(item, now)

    def get_timer(self) -> float | None:
        """Return when `handle_timer` wants to be called (monotonic seconds), None before the first frame."""
        dues = [track.report_due for _, track in self._by_ssrc.values() if track.report_due is not None]
        return min(dues, default=None)

    def handle_timer(self, now: float) -> None:
        """Send the sender reports that are due."""
        for _, track in self._by_ssrc.values():
            if track.report_due is not None and now >= track.report_due:
                self._report(track, now)

    def rtp_to_send(self) -> list[bytes]:
        """Return and forget RTP packets to be protected and sent, in order."""
        packets = list(self._rtp)
        self._rtp.clear()
        return packets

    def rtcp_to_send(self) -> list[bytes]:
        """Return and forget compound RTCP packets."""
        packets = list(self._rtcp)
        self._rtcp.clear()
        return packets

    def next_event(self) -> KeyframeRequested | None:
        """Return and forget the oldest event, None when there is none."""
        return self._events.popleft() if self._events else None

    def goodbye(self) -> None:
        """Say BYE for all streams that have sent something."""
        ssrcs = tuple(track.ssrc for _, track in self._by_ssrc.values() if track.counters.packets)
        if ssrcs:
            self._rtcp.append(rtcp.build_goodbye(ssrcs[:31]))

    def _next_wide(self, track: TrackSender) -> int | None:
        if track.transport_wide_id is None:
            return None
        wide = self._wide_sequence
        self._wide_sequence = (wide + 1) & 0xFFFF
        return wide

    def _report(self, track: TrackSender, now: float) -> None:
        track.report_due = now + REPORT_SECONDS
        counters = track.counters
        report = rtcp.SenderReport(
            track.ssrc,
            rtcp.ntp_from_unix_ns(round(now * 1e9) + self._unix_offset_ns),
            track.timestamp(now),
            counters.packets & 0xFFFFFFFF,
            counters.payload_bytes & 0xFFFFFFFF,
        )
        self._rtcp.append(rtcp.build_sender_report(report, track.cname))

    def _keyframe_wanted(self, item: rtcp.KeyframeWanted) -> None:
        found = self._by_ssrc.get(item.media_ssrc)
        if found is None:
            return
        request, track = found
        if item.fir_sequence is not None:
            # RFC 5104 section 4.3.1.2: the same number is the same request, repeated.
            if item.fir_sequence == track.keyframe_sequence:
                return
            track.keyframe_sequence = item.fir_sequence
        if request not in self._events:
            self._events.append(request)

    def _packets_wanted(self, item: rtcp.PacketsWanted, now: float) -> None:
        found = self._by_ssrc.get(item.media_ssrc)
        if found is None:
            return
        track = found[1]
        for sequence in item.sequences:
            sent = track.wanted(sequence, now)
            if sent is not None:
                self._rtp.append(track.repair(sequence, sent, self._next_wide(track)))
