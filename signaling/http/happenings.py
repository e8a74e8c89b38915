"""What happened while something was recorded, and who spoke: entries of the timeline, as a replay is told them.

A turn of speaking is entered once it is over, so one that ends with the recording stands behind its end.
"""

from __future__ import annotations

from typing import Final

from dispatch.entry import Entry, public
from dispatch.records import Recording
from dispatch.store.reading import Question, Reader, Told
from dispatch.turns import SPOKE, is_within
from signaling.http.replayed import Events, EventsQuery
from signaling.http.timeline import cursor_of, place_of

#: So long after a recording's end the last turns are in the timeline, unless the disk refuses what is new.
ENTERED_US: Final = 10_000_000
_FOREVER: Final = (1 << 63) - 1


async def events_of(reader: Reader, recording: Recording, query: EventsQuery) -> Events:
    """Return a page of entries. Raises Unavailable, Problem."""
    told: list[Told] = []
    for question in _questions(recording, query):
        if question.from_us < question.until_us:
            told += await reader.timeline(question, place_of(query.cursor), query.limit, newest_first=False)
    told = sorted(told, key=lambda item: item.place)[: query.limit]
    # What fills a page may be all: then the next one is empty.
    following = cursor_of(told[-1].place) if len(told) == query.limit else ""
    entries = (item.entry for item in told)
    return Events(items=tuple(public(entry) for entry in entries if _belongs(entry, recording)), next=following)


def _questions(recording: Recording, query: EventsQuery) -> list[Question]:
    # Not what was before or came after: who may see a recording may not thereby read the rest of a consultation.
    from_us, to_us, ended_us = max(query.from_us, recording.begun_us), query.to_us or _FOREVER, recording.ended_us
    until_us = min(to_us, ended_us + 1 if ended_us else _FOREVER)
    last_us = min(to_us, ended_us + ENTERED_US if ended_us else _FOREVER)
    if recording.session:
        later = Question(max(from_us, until_us), last_us, recording.session, verb="participant.spoke")
        return [Question(from_us, until_us, recording.session), later]
    # Where there is no consultation, entries are about the recording, or about its source.
    return [
        Question(from_us, until_us, object=f"recording:{recording.id}"),
        Question(from_us, last_us, object=recording.of, verb="source.spoke"),
    ]


def _belongs(entry: Entry, recording: Recording) -> bool:
    return entry.verb not in SPOKE or is_within(entry, recording.begun_us, recording.ended_us)
