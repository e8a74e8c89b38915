"""The node's sources: published, listed, watched, stopped, without any consultation.

A source outlives its publisher: when the publisher vanishes the source says so and its viewers stay, and when the same
name is published again they continue. Core: no I/O, no clock; times are integer microseconds UTC.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,63}\Z")
MAX_NAME_CHARACTERS = 64


def is_identifier(text: str) -> bool:
    """Tell whether a source can be called so."""
    return _IDENTIFIER.match(text) is not None


class SourceError(Exception):
    """Base of the registry's refusals; `code` is stable and goes to the client.

    SourceError
    ├── SourceUnknown       source-unknown
    ├── SourceInvalid       source-invalid      the identifier or name cannot be used
    └── SourceLimit         source-limit        the node has as many sources as it may
    """

    code: ClassVar[str] = "source-error"


class SourceUnknown(SourceError):
    code = "source-unknown"


class SourceInvalid(SourceError):
    code = "source-invalid"


class SourceLimit(SourceError):
    code = "source-limit"


class SourceState(StrEnum):
    """What a viewer may expect: something to see or hear; a publisher that sends nothing; no publisher."""

    LIVE = "live"
    SILENT = "silent"
    OFFLINE = "offline"


@dataclass(slots=True)
class Source:
    """One source. `since_us` is when `state` began; `publisher` is the session that publishes it."""

    id: str
    name: str
    state: SourceState
    since_us: int
    publisher: str | None = None
    viewers: set[str] = field(default_factory=set)


class SourceRegistry:
    """All sources of the node. Every verb raises SourceUnknown for an unknown identifier unless it says otherwise."""

    def __init__(self, max_sources: int) -> None:
        self._max_sources = max_sources
        self._sources: dict[str, Source] = {}
        self._listeners: list[Callable[[str], None]] = []

    def listen(self, callback: Callable[[str], None]) -> Callable[[], None]:
        """Tell `callback` the identifier of every source whose state, name or being here changed, after it did.

        It must not raise or wait. What is returned ends it.
        """
        self._listeners.append(callback)
        return lambda: self._listeners.remove(callback)

    def find(self, identifier: str) -> Source | None:
        """Return the source, None when there is none."""
        return self._sources.get(identifier)

    def get(self, identifier: str) -> Source:
        """Return the source."""
        source = self._sources.get(identifier)
        if source is None:
            raise SourceUnknown(f"no source is called {identifier!r}")
        return source

    def all(self) -> tuple[Source, ...]:
        """Return all sources, in the order in which they first appeared."""
        return tuple(self._sources.values())

    def admit(self, identifier: str) -> str | None:
        """Return the session that `publish` would replace. Raises SourceInvalid or SourceLimit as that would."""
        source = self._sources.get(identifier)
        if source is not None:
            return source.publisher
        if not is_identifier(identifier):
            raise SourceInvalid("a source is called 1 to 64 letters, digits or ._~- (ASCII), first a letter or digit")
        if len(self._sources) >= self._max_sources and self._longest_gone() is None:
            raise SourceLimit(f"the node has {self._max_sources} sources, its limit (limits.max_sources)")
        return None

    def publish(self, identifier: str, name: str, session: str, now_us: int) -> str | None:
        """Begin or take over a source; return the session that published it until now.

        A sender that lost its line comes back before we have noticed, so the newest publisher wins. Raises
        SourceInvalid or SourceLimit.
        """
        previous = self.admit(identifier)
        name = clean_name(name) or identifier
        source = self._sources.get(identifier)
        if source is None:
            gone = self._longest_gone()
            if gone is not None and len(self._sources) >= self._max_sources:
                del self._sources[gone.id]
                self._tell(gone.id)
            source = self._sources[identifier] = Source(identifier, name, SourceState.SILENT, now_us)
        source.name = name
        source.publisher = session
        if source.state is not SourceState.SILENT:
            source.state, source.since_us = SourceState.SILENT, now_us
        self._tell(identifier)  # even in the same state: it may be new, or have another name
        return previous

    def withdraw(self, identifier: str, session: str, now_us: int) -> None:
        """The session no longer publishes; of no effect when another has taken over or the source is gone."""
        source = self._sources.get(identifier)
        if source is not None and source.publisher == session:
            source.publisher = None
            self._enter(source, SourceState.OFFLINE, now_us)

    def observe(self, identifier: str, *, heard: bool, now_us: int) -> None:
        """Note whether the publisher sends media just now."""
        source = self.get(identifier)
        if source.publisher is not None:
            self._enter(source, SourceState.LIVE if heard else SourceState.SILENT, now_us)

    def watch(self, identifier: str, session: str) -> None:
        """A viewer's session watches the source."""
        self.get(identifier).viewers.add(session)

    def leave(self, identifier: str, session: str) -> None:
        """A viewer's session has ended; of no effect when the source is gone."""
        source = self._sources.get(identifier)
        if source is not None:
            source.viewers.discard(session)

    def stop(self, identifier: str) -> Source:
        """Take the source out; return what it was, so that its sessions can be ended."""
        source = self.get(identifier)
        del self._sources[identifier]
        self._tell(identifier)
        return source

    def _enter(self, source: Source, state: SourceState, now_us: int) -> None:
        if source.state is not state:
            source.state = state
            source.since_us = now_us
            self._tell(source.id)

    def _tell(self, identifier: str) -> None:
        for callback in tuple(self._listeners):
            callback(identifier)

    def _longest_gone(self) -> Source | None:
        """Return the source without publisher and viewers that a new one may replace when the node is full."""
        gone = [item for item in self._sources.values() if item.state is SourceState.OFFLINE and not item.viewers]
        return min(gone, key=lambda item: item.since_us, default=None)


def clean_name(name: str) -> str:
    """Return a display name without control and direction characters, at most 64 characters, spaces joined."""
    kept = "".join(" " if unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp") else char for char in name)
    return " ".join(kept.split())[:MAX_NAME_CHARACTERS].rstrip()
