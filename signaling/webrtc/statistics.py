"""What was counted on a page's connection: for quality samples, read from counters that are kept anyway."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dispatch.flow import Flow
from signaling.webrtc.lines import Receiving, Sending
from signaling.webrtc.session import WebRtcSession


@dataclass(frozen=True, slots=True)
class ReceiveStatistics:
    """One line towards the page; `lost` and `fraction_lost` (0-1, of the last report) are what the page reported."""

    mid: str
    source: str
    kind: str
    context: str
    flow: Flow
    packets: int
    octets: int
    resends: int
    lost: int
    fraction_lost: float


@dataclass(frozen=True, slots=True)
class SendStatistics:
    """One line from the page, all its layers together. Bitrate and loss are differences between two of these."""

    mid: str
    source: str
    kind: str
    codec: str
    packets: int
    octets: int
    expected: int
    lost: int
    recovered: int
    jitter_ms: float


@dataclass(frozen=True, slots=True)
class ConnectionStatistics:
    """A connection; `rtt_ms` None as long as nothing told it."""

    connected: bool
    rtt_ms: float | None
    sent_octets: int
    received_octets: int
    sending: tuple[SendStatistics, ...]
    receiving: tuple[ReceiveStatistics, ...]


def statistics_of(
    peer: WebRtcSession, sending: Iterable[Sending], receiving: Iterable[Receiving]
) -> ConnectionStatistics:
    """Read the counters. Reports of what a page receives tell the round trip; without any, what it sends does."""
    transport = peer.transport.stats()
    trips: list[float] = []
    lines: list[ReceiveStatistics] = []
    for item in receiving:
        stats = item.route.stats()
        trips.append(stats["rtt_ms"])
        lines.append(
            ReceiveStatistics(
                item.line.mid,
                *item.line.key,
                item.flow,
                packets=stats["packets"],
                octets=stats["octets"],
                resends=stats["resends"],
                lost=stats["remote_lost"],
                fraction_lost=stats["remote_fraction_lost"],
            )
        )
    known = [trip for trip in (*trips, transport["rtt_ms"]) if trip > 0]
    return ConnectionStatistics(
        connected=peer.connected,
        rtt_ms=min(known) if known else None,
        sent_octets=transport["sent_octets"],
        received_octets=transport["received_octets"],
        sending=tuple(_sent(item) for item in sending),
        receiving=tuple(lines),
    )


def _sent(item: Sending) -> SendStatistics:
    layers = item.publication.stats()
    return SendStatistics(
        item.line.mid,
        item.line.source,
        item.line.kind,
        item.publication.codec,
        packets=sum(layer["packets"] for layer in layers),
        octets=sum(layer["octets"] for layer in layers),
        expected=sum(layer["expected"] for layer in layers),
        lost=sum(layer["lost"] for layer in layers),
        recovered=sum(layer["recovered"] for layer in layers),
        jitter_ms=max(layer["jitter"] for layer in layers) * 1000,
    )
