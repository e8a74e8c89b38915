"""Tells pages what their link carries, and which of the layers that they send anybody needs. Shell.

Figures at a pace that can be read, and only when they say something new; a layer that is needed again at once, because
somebody waits for it.
"""

from __future__ import annotations

import time

from dispatch.desk.rounds import Rounds
from signaling.webrtc.adaptation import Adaptation
from signaling.webrtc.connections import Connections
from signaling.webrtc.errors import SessionUnknown
from signaling.webrtc.taking import Taking
from signaling.ws.media import PageMedia
from signaling.ws.messages import LayerLine, Layers, Link, LinkLine
from signaling.ws.ports import Page

#: Looks between two words of a link.
LOOKS_A_LINK = 4
#: A rate that differs by less than a tenth is no news.
_NEWS_PERCENT = 10
#: In a longer queue speech suffers: pages fetch no stills then.
_LONG_QUEUE_MS = 200


class LinkNews(Rounds):
    """Looks at all pages' connections."""

    interval_seconds = 0.25

    def __init__(self, media: PageMedia, connections: Connections, adaptation: Adaptation) -> None:
        self._media = media
        self._connections = connections
        self._adaptation = adaptation
        self._told: dict[str, Link] = {}
        self._layers: dict[str, dict[str, tuple[str, ...]]] = {}  # what was told, by connection and mid
        self._looks = 0

    async def look(self) -> None:
        """Tell every page what is new."""
        self._looks += 1
        live: set[str] = set()
        for connection, page, number in self._media.pages():
            try:
                self._tell_layers(connection, page, number)
                if self._looks % LOOKS_A_LINK == 0:
                    self._tell_link(connection, page, number)
            except SessionUnknown:
                continue  # its end is told by others
            live.add(connection)
        for told in (self._told, self._layers):
            for gone in told.keys() - live:
                del told[gone]

    def _tell_layers(self, connection: str, page: Page, number: int) -> None:
        needed: dict[str, tuple[str, ...]] = {}
        before = self._layers.get(connection, {})
        news: list[LayerLine] = []
        for mid, (source, rids) in self._connections.layered(connection).items():
            unneeded = self._adaptation.measured.unneeded.get(source, frozenset())
            needed[mid] = tuple(rid for layer, rid in enumerate(rids) if layer not in unneeded)
            if needed[mid] != before.get(mid, rids):
                news.append(LayerLine(mid, list(needed[mid])))
        self._layers[connection] = needed
        if news:
            page.news(Layers(number, news))

    def _tell_link(self, connection: str, page: Page, number: int) -> None:
        report = self._adaptation.report(connection)
        now_us = time.monotonic_ns() // 1000
        lines = [self._line(mid, item, now_us) for mid, item in self._connections.pictures(connection).items()]
        is_poor = any(line.held for line in lines)
        word = Link(
            connection=number,
            state="poor" if is_poor else "tight" if report.is_short else "good",
            bps=report.bps,
            queue_ms=round(report.queue_ms),
            loss=round(report.loss, 3),
            repair="ahead" if report.repair.percent else "asked" if report.repair.redundancy else "",
            lines=lines,
        )
        if _is_news(self._told.get(connection), word):
            self._told[connection] = word
            page.news(word)

    def _line(self, mid: str, item: Taking, now_us: int) -> LinkLine:
        numbers = [layer.number for layer in self._adaptation.measured.layers(item.source, now_us)]
        place = numbers.index(item.layer) if item.layer in numbers else 0
        return LinkLine(mid, place, len(numbers), "no-room" if item.held else "", item.thinned)


def _signs(word: Link) -> tuple[object, ...]:
    return word.state, word.repair, word.lines, word.connection


def _is_news(before: Link | None, now: Link) -> bool:
    if before is None or _signs(before) != _signs(now):
        return True
    if before.bps is None or now.bps is None:
        return before.bps is not now.bps
    if (before.queue_ms > _LONG_QUEUE_MS) != (now.queue_ms > _LONG_QUEUE_MS):
        return True
    return now.state != "good" and abs(now.bps - before.bps) * 100 > before.bps * _NEWS_PERCENT
