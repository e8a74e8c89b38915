"""The node's sources at the relay: what feeds each, who watches it, and which publisher the registry has for it.

Joins the registry's decisions (dispatch) with the relay's tracks (media), for whoever publishes or watches by whatever
door. Runs on one event loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from dispatch.sources import Source, SourceRegistry, SourceUnknown
from media.plane.copies import PlaneTap
from media.plane.objects import PlanePublication
from media.plane.tapring import TapRingView
from media.plane.thread import PlaneThread
from media.plane.transport import PlaneTransport
from media.relay import PublicationFormat, Relay, RelayTrack
from signaling.sdp.accepted import AcceptedMedia
from signaling.sdp.model import Codec
from signaling.webrtc.formats import publication_format
from signaling.webrtc.records import KINDS, Closable, SourceMedia

_log = structlog.get_logger(__name__)

GiveBack = Callable[[Closable], None]


@dataclass(frozen=True, slots=True)
class Feed:
    """One kind of a source as a publisher offers it."""

    kind: str
    codec: Codec
    format: PublicationFormat

    @classmethod
    def of(cls, line: AcceptedMedia) -> Feed:
        """Translate a line on which the peer sends."""
        return cls(line.kind, line.codecs[0].codec, publication_format(line))


class Sources:
    """Tracks and publishers of all sources. Publishers and viewers are known by the identifiers of their sessions."""

    def __init__(self, relay: Relay, registry: SourceRegistry, give_back: GiveBack, silent_after_s: float) -> None:
        self.registry = registry
        self.media: dict[str, SourceMedia] = {}
        #: Told of every source whose tracks have changed; the registry tells of its state.
        self.listeners: list[Callable[[str], None]] = []
        self._relay = relay
        self._give_back = give_back
        self._silent_ns = int(silent_after_s * 1e9)
        self._prepared: set[str] = set()  # not yet in the registry, and yet not to be forgotten

    def feed(
        self, source: str, name: str, publisher: str, transport: PlaneTransport, feeds: Sequence[Feed]
    ) -> tuple[list[PlanePublication], str | None]:
        """Publish these kinds of a source; return the publications and the session that was replaced by this one.

        Who publishes some of a source already adds to it. Raises SourceError, PlaneError; nothing has changed then.
        """
        made = self.prepare(source, transport, feeds)
        try:
            return made, self.commit(source, name, publisher, feeds, made)
        except Exception:  # passed on: an offer that is refused must not take the source from its publisher
            self.undo(source, made)
            raise

    def prepare(self, source: str, transport: PlaneTransport, feeds: Sequence[Feed]) -> list[PlanePublication]:
        """Let these kinds of a source be fed from now on; to be followed by `commit` or `undo`. Raises PlaneError."""
        media = self.media.get(source) or self._new_media(source)
        made: list[PlanePublication] = []
        self._prepared.add(source)
        try:
            for item in feeds:
                made.append(media.tracks[item.kind].publish(transport, item.format))
        except Exception:  # passed on
            self.undo(source, made)
            raise
        return made

    def commit(
        self, source: str, name: str, publisher: str, feeds: Sequence[Feed], made: Sequence[PlanePublication]
    ) -> str | None:
        """Tell the registry of a prepared publisher; return the session that it replaces. Raises SourceError."""
        media, known = self.media[source], self._find(source)
        adds = known is not None and known.publisher == publisher
        previous = None if adds else self.registry.publish(source, name, publisher, _now_us())
        # Viewers that come later are answered for what this publisher has, not for what another had.
        media.codecs = {**(media.codecs if adds else {}), **{item.kind: item.codec for item in feeds}}
        media.publications |= {item.kind: publication for item, publication in zip(feeds, made, strict=True)}
        for viewer in media.viewers:
            self.registry.watch(source, viewer)
        self._prepared.discard(source)
        self._tell(source)
        return previous

    def undo(self, source: str, made: Sequence[PlanePublication]) -> None:
        """Take back what was prepared: in the plane the publication before is the newest again."""
        for publication in made:
            self._give_back(publication)
        self._prepared.discard(source)
        self._drop_unused(source)

    def take_back(self, source: str, publications: Sequence[PlanePublication]) -> None:
        """End publications of a source; the registry is told by `withdraw`."""
        media = self.media.get(source)
        for publication in publications:
            self._give_back(publication)
            if media is not None:
                for kind in [kind for kind, item in media.publications.items() if item is publication]:
                    del media.publications[kind]
        self._tell(source)

    def withdraw(self, source: str, publisher: str) -> None:
        """The session publishes nothing of the source any more."""
        self.registry.withdraw(source, publisher, _now_us())

    def watch(self, source: str, viewer: str) -> SourceMedia:
        """Note a viewer, of a source that may not have been published yet; return what it can be sent."""
        media = self.media.get(source) or self._new_media(source)
        media.viewers.add(viewer)
        if self._find(source) is not None:
            self.registry.watch(source, viewer)
        return media

    def leave(self, source: str, viewer: str) -> None:
        """A viewer has left; what only waited for a source that never came goes with the last one."""
        self.registry.leave(source, viewer)
        media = self.media.get(source)
        if media is not None:
            media.viewers.discard(viewer)
            self._drop_unused(source)

    def tap(self, source: str, kind: str, ring: TapRingView, thread: PlaneThread) -> tuple[SourceMedia, PlaneTap]:
        """Write all layers of a kind of a source, published or not, to a ring of a thread. Raises PlaneError."""
        media = self.media.get(source) or self._new_media(source)
        tap = media.tracks[kind].tap(ring, thread=thread)
        media.taps.add(tap)
        return media, tap

    def end_tap(self, source: str, tap: PlaneTap) -> None:
        """End a tap; it may have ended with its source."""
        media = self.media.get(source)
        if media is not None and tap in media.taps:
            media.taps.discard(tap)
            self._give_back(tap)
            self._drop_unused(source)

    def viewers(self, source: str) -> Sequence[str]:
        """Return who was noted by `watch`."""
        media = self.media.get(source)
        return tuple(media.viewers) if media is not None else ()

    def codecs(self, source: str) -> Mapping[str, Codec]:
        """Return what a source sends now, by kind."""
        media = self.media.get(source)
        return media.codecs if media is not None else {}

    def home(self, source: str) -> PlaneThread | None:
        """Return the thread on which a source is published, or was."""
        media = self.media.get(source)
        tracks = media.tracks.values() if media is not None else ()
        return next((track.home for track in tracks if track.home is not None), None)

    def stop(self, source: str) -> tuple[Source, SourceMedia | None]:
        """Take a source out; its media is to be closed when its sessions have ended. Raises SourceUnknown."""
        gone = self.registry.stop(source)
        # Somebody may publish under the same name meanwhile: that is a new source.
        return gone, self.media.pop(source, None)

    def drop(self, source: str) -> None:
        """Give a source's tracks back."""
        media = self.media.pop(source, None)
        if media is not None:
            self.close(media)

    def close(self, media: SourceMedia) -> None:
        """Give the tracks back, and the taps; what else hung on them has been closed."""
        for tap in media.taps:
            self._give_back(tap)
        media.taps.clear()
        for track in media.tracks.values():
            self._give_back(track)

    def observe(self) -> None:
        """Tell the registry which sources are heard."""
        for source in self.registry.all():
            try:
                self.registry.observe(source.id, heard=self._is_heard(source.id), now_us=_now_us())
            except Exception:  # so broad, because the sources behind it are other publishers'
                _log.exception("source_not_observed", source=source.id)

    def _is_heard(self, source: str) -> bool:
        media, now_ns = self.media.get(source), time.monotonic_ns()
        return media is not None and any(
            stats["heard_ns"] and now_ns - stats["heard_ns"] < self._silent_ns
            for publication in media.publications.values()
            for stats in publication.stats()
        )

    def _tell(self, source: str) -> None:
        for listener in self.listeners:
            try:
                listener(source)
            except Exception:  # so broad, because the publisher's offer must not fail for it
                _log.exception("source_listener_failed", source=source)

    def _find(self, source: str) -> Source | None:
        try:
            return self.registry.get(source)
        except SourceUnknown:
            return None

    def _drop_unused(self, source: str) -> None:
        media = self.media.get(source)
        if media is not None and not media.is_taken and self._find(source) is None:
            self.drop(source)

    def _new_media(self, source: str) -> SourceMedia:
        self._forget_gone()
        media = SourceMedia({kind: RelayTrack(self._relay, is_video=kind == "video") for kind in KINDS})
        self.media[source] = media
        return media

    def _forget_gone(self) -> None:
        known = {source.id for source in self.registry.all()}
        known |= self._prepared
        for source in [name for name, media in self.media.items() if name not in known and not media.is_taken]:
            self.drop(source)


def _now_us() -> int:
    return time.time_ns() // 1000
