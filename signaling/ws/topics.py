"""Live state by topic: who watches what, what has changed, and when it is sent.

A change marks records; when its time has come each marked record is made anew from the state as it is then, for each
audience, compared with what that was sent, and the difference sent: so the newest value wins, however many came before.
Core: mutate, then drain `take`; ask `get_timer`, call `handle_timer`. Times: monotonic seconds, and microseconds UTC.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from dispatch.errors import Refused
from signaling.ws import frames
from signaling.ws.messages import Gone, encode
from signaling.ws.stream import Key, Stream
from signaling.ws.topic import Topic

#: Looked at in one call of `handle_timer`, some 10 ms; after an audience that passes it the rest waits for the next.
RECORDS_A_TURN = 500
#: How long a topic that nobody watches any more is kept going, for who comes back.
LINGER_S = 60.0


class Source(Protocol):
    """Where the state comes from."""

    def audience(self, topic: str, person: str, now_us: int) -> Hashable:
        """Return what decides which records of a topic somebody sees. Raises Refused."""
        ...

    def keys(self, topic: str, audience: Hashable, now_us: int) -> Iterator[Key]:
        """Give all records that may be in a topic, once or several times."""
        ...

    def record(self, topic: str, audience: Hashable, key: Key, now_us: int) -> bytes | None:
        """Return a record as JSON, None when it is not, or not to be, there."""
        ...

    def renew(self, topic: str, audience: Hashable, key: Key, now_us: int) -> bytes | None:
        """Return a record that an audience has, where nothing but its figures has changed since it was made."""
        ...

    def begin(self) -> None:
        """A round of questions begins: what was made before it may have changed."""
        ...


@dataclass(slots=True)
class _Watcher:
    person: str
    streams: dict[str, Stream] = field(default_factory=dict)


class Topics:
    """All topics of the node. A watcher is whatever the shell knows a connection by."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._topics: dict[str, Topic] = {}
        self._watchers: dict[Hashable, _Watcher] = {}
        self._of_person: dict[str, dict[Hashable, None]] = {}
        self._numbers = 0
        self._doubted: set[tuple[str, str]] = set()  # person or "", topic or ""
        self._waiting: set[str] = set()
        self._out: deque[tuple[tuple[Hashable, ...], bytes]] = deque()

    def __contains__(self, topic: str) -> bool:
        """Whether anybody watches the topic, or did lately."""
        return topic in self._topics

    def names(self) -> tuple[str, ...]:
        """Return the topics that somebody watches, or did lately."""
        return tuple(self._topics)

    def audiences(self, topic: str) -> tuple[Hashable, ...]:
        """Return for whom a topic is kept."""
        found = self._topics.get(topic)
        return tuple(found.streams) if found is not None else ()

    def watched(self, watcher: Hashable) -> tuple[str, ...]:
        """Return the topics that a watcher is sent."""
        held = self._watchers.get(watcher)
        return tuple(held.streams) if held else ()

    def take(self) -> Iterator[tuple[tuple[Hashable, ...], bytes]]:
        """Give what is to be sent, frame by frame: to whom, what."""
        while self._out:
            yield self._out.popleft()

    def watch(self, watcher: Hashable, person: str, topic: str, seq: int | None, now: float, now_us: int) -> None:
        """Begin to send a topic: what came after `seq` if that is still known, else all of it.

        Of no effect where it is watched already.
        """
        held = self._watchers.get(watcher)
        if held is None:
            held = self._watchers[watcher] = _Watcher(person)
            self._of_person.setdefault(person, {})[watcher] = None
        if topic not in held.streams:
            self._attach(watcher, held, topic, seq, now, now_us)

    def unwatch(self, watcher: Hashable, topic: str, now: float) -> None:
        """Send no more of a topic."""
        held = self._watchers.get(watcher)
        stream = held.streams.pop(topic, None) if held else None
        if stream is not None:
            del stream.members[watcher]
            stream.idle_since = now

    def leave(self, watcher: Hashable, now: float) -> None:
        """The watcher is gone."""
        held = self._watchers.get(watcher)
        if held is None:
            return
        for topic in tuple(held.streams):
            self.unwatch(watcher, topic, now)
        del self._watchers[watcher]
        others = self._of_person[held.person]
        del others[watcher]
        if not others:
            del self._of_person[held.person]

    def mark(self, topic: str, key: Key, *, audience: Hashable = None, held: bool = False) -> None:
        """Look at a record again: for one audience, for those that hold it, or for all."""
        found = self._topics.get(topic)
        if found is None:
            return
        if audience is not None:
            stream = found.streams.get(audience)
            if stream is None:
                return
            stream.dirty.add(key)
            found.touched[stream] = None
        else:
            (found.held if held else found.marked).add(key)
        self._waiting.add(topic)

    def refresh(self, topic: str, key: Key) -> None:
        """Send those that hold a record its figures as they are: nothing else in it, and nobody's rights, changed."""
        found = self._topics.get(topic)
        if found is not None:
            found.figures.add(key)
            self._waiting.add(topic)

    def spoil(self, where: Callable[[str, Hashable], bool] = lambda topic, audience: True) -> None:
        """Look at every record again, for the topics and audiences that `where` holds of."""
        for topic in self._topics.values():
            for stream in topic.streams.values():
                if where(topic.name, stream.audience):
                    stream.stale = True
                    topic.touched[stream] = None
                    self._waiting.add(topic.name)

    def doubt(self, person: str = "", topic: str = "") -> None:
        """Ask again whether somebody, or everybody, may watch a topic, or all of them, and as what audience."""
        self._doubted.add((person, topic))

    def get_timer(self) -> float | None:
        """Return when `handle_timer` wants to be called, None when nothing waits; what has passed means now."""
        if self._doubted:
            return float("-inf")
        dues = (self._topics[name].due for name in self._waiting)
        return min((due for due in dues if due is not None), default=None)

    def handle_timer(self, now: float, now_us: int) -> None:
        """Send what is due, or a bounded part of it: then it wants to be called again at once."""
        self._source.begin()
        if self._doubted:
            self._ask_again(now, now_us)
        looked_at = 0
        for name in sorted(self._waiting):
            topic = self._topics[name]
            topic.hand_out(now)
            while topic.in_hand and looked_at < RECORDS_A_TURN:
                looked_at += self._bring_up(topic, next(iter(topic.in_hand)), now, now_us)
            if topic.due is None:
                self._waiting.discard(name)

    def sweep(self, now: float) -> None:
        """Forget the topics that nobody has watched for `LINGER_S`; to be called now and then."""
        for topic in tuple(self._topics.values()):
            for stream in tuple(topic.streams.values()):
                if not stream.members and now - stream.idle_since > LINGER_S:
                    del topic.streams[stream.audience]
                    topic.touched.pop(stream, None)
                    topic.in_hand.pop(stream, None)
            if not topic.streams:
                del self._topics[topic.name]
                self._waiting.discard(topic.name)

    def _attach(self, watcher: Hashable, held: _Watcher, topic: str, seq: int | None, now: float, now_us: int) -> None:
        try:
            audience = self._source.audience(topic, held.person, now_us)
        except Refused as refusal:
            self._out.append(((watcher,), _gone(topic, refusal.code)))
            return
        found = self._topics.setdefault(topic, Topic(topic))
        stream = found.streams.get(audience)
        if stream is None:
            self._numbers += 1
            self._source.begin()
            keys = dict.fromkeys(self._source.keys(topic, audience, now_us))
            made = ((key, self._source.record(topic, audience, key, now_us)) for key in keys)
            records = {key: record for key, record in made if record is not None}
            stream = found.streams[audience] = Stream(topic, audience, self._numbers, records, now)
        elif stream.stale:
            # Rights may have changed: who comes now must not be sent what was right before.
            self._source.begin()
            self._bring_up(found, stream, now, now_us)
        missed = stream.since(seq) if seq is not None else None
        for frame in stream.snapshot() if missed is None else missed:
            self._out.append(((watcher,), frame))
        stream.members[watcher] = None
        held.streams[topic] = stream

    def _ask_again(self, now: float, now_us: int) -> None:
        doubted, self._doubted = self._doubted, set()
        asked: dict[tuple[Hashable, str], None] = {}
        for person, topic in doubted:
            for watcher in self._doubtful(person, topic):
                streams = self._watchers[watcher].streams
                for name in (topic,) if topic else tuple(streams):
                    if name in streams:
                        asked[watcher, name] = None
        for watcher, name in asked:
            self._move(watcher, self._watchers[watcher], name, now, now_us)

    def _doubtful(self, person: str, topic: str) -> tuple[Hashable, ...]:
        if person:
            return tuple(self._of_person.get(person, ()))
        if topic in self._topics:
            return tuple(watcher for stream in self._topics[topic].streams.values() for watcher in stream.members)
        return () if topic else tuple(self._watchers)

    def _move(self, watcher: Hashable, held: _Watcher, name: str, now: float, now_us: int) -> None:
        try:
            if self._source.audience(name, held.person, now_us) == held.streams[name].audience:
                return
        except Refused as refusal:
            self.unwatch(watcher, name, now)
            self._out.append(((watcher,), _gone(name, refusal.code)))
            return
        self.unwatch(watcher, name, now)
        self._attach(watcher, held, name, None, now, now_us)

    def _bring_up(self, topic: Topic, stream: Stream, now: float, now_us: int) -> int:
        """Send an audience what is different from what it has; return how many records were looked at."""
        topic.touched.pop(stream, None)
        topic.in_hand.pop(stream, None)
        keys, moved = stream.dirty, stream.moved
        if stream.stale:
            keys = set(stream.records) | set(self._source.keys(topic.name, stream.audience, now_us))
        stream.stale, stream.dirty, stream.moved = False, set(), set()
        puts: dict[Key, bytes] = {}
        drops: list[Key] = []
        for key in sorted(keys):
            _compare(stream, key, self._source.record(topic.name, stream.audience, key, now_us), puts, drops)
        if puts or drops:
            topic.news_at = now
        for key in sorted(moved - keys):
            _compare(stream, key, self._source.renew(topic.name, stream.audience, key, now_us), puts, drops)
        if puts or drops:
            frame = stream.advance(puts, drops)
            if stream.members:
                self._out.append((tuple(stream.members), frame))
        return len(keys) + len(moved)


def _compare(stream: Stream, key: Key, record: bytes | None, puts: dict[Key, bytes], drops: list[Key]) -> None:
    if record is None and key in stream.records:
        drops.append(key)
    elif record is not None and record != stream.records.get(key):
        puts[key] = record


def _gone(topic: str, code: str) -> bytes:
    return frames.text(encode(Gone(topic, code)))
