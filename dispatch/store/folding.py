"""Journal records into the records they leave behind: the same for a step, a start and a rebuild. No I/O.

What cannot be used (a newer program's values) is passed over, counted and told in the log: the projection of all the
rest is worth more than a node that does not start.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import structlog

from dispatch.entry import Entry, decode
from dispatch.fold import sets, updated
from dispatch.records import KINDS, Consultation, Message, Participant, Record, Recording, Stage
from dispatch.store.rows import Row, line_of

_log = structlog.get_logger(__name__)

#: Of each consultation that are in memory; older ones are asked from the database.
MESSAGES_IN_MEMORY = 200

# PostgreSQL holds no NUL in a text, and one in a name must not stop the projection. An even number of backslashes
# before it are backslashes.
_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")


class Sheet:
    """Records by kind and id, and what entries make of them."""

    def __init__(self) -> None:
        self.records: dict[str, dict[str, Record]] = {kind: {} for kind in KINDS}
        #: Stamp of the newest entry.
        self.stamp = (0, 0)
        #: Journal records and entries that could not be used.
        self.unfit = 0

    def read(self, position: int, record: bytes) -> list[Entry]:
        """Return the entries of a journal record."""
        if b"\\u0000" in record:
            record = _NUL.sub(rb"\1\\ufffd", record)
        try:
            return decode(record)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self._pass_over(position, error)
            return []

    def fold(self, position: int, entry: Entry) -> None:
        """Apply an entry."""
        self.stamp = max(self.stamp, entry.hlc)
        kind, _, identifier = entry.object.partition(":")
        if not sets(kind, entry.params):
            return
        records = self.records[kind]
        try:
            record = updated(kind, identifier, records.get(identifier), entry.params)
        except msgspec.ValidationError as error:
            self._pass_over(position, error)
            return
        if record is None:
            records.pop(identifier, None)
        else:
            records[identifier] = record

    def fold_all(self, position: int, entries: Sequence[Entry]) -> list[Row]:
        """Apply all entries of a journal record; return their rows of the timeline."""
        for entry in entries:
            self.fold(position, entry)
        return [line_of(position, part, entry) for part, entry in enumerate(entries)]

    def add(self, kind: str, records: Iterable[Record]) -> None:
        """Take records as they are."""
        held = self.records[kind]
        for record in records:
            held[record.id] = record

    def _pass_over(self, position: int, error: Exception) -> None:
        self.unfit += 1
        _log.error("journal_record_unfit", position=position, reason=str(error))


def in_memory(records: Mapping[str, Mapping[str, Record]]) -> dict[str, dict[str, Record]]:
    """Return what the node holds in memory.

    Of consultations those that have not ended, with their last messages; of recordings those that have files.
    """
    kept = {kind: dict(held) for kind, held in records.items()}
    for identifier, record in records["consultation"].items():
        if isinstance(record, Consultation) and record.stage is Stage.ENDED:
            del kept["consultation"][identifier]
    for identifier, record in records["recording"].items():
        if isinstance(record, Recording) and record.cleared_us:
            del kept["recording"][identifier]
    running = kept["consultation"]
    for identifier, record in records["participant"].items():
        if isinstance(record, Participant) and record.consultation not in running:
            del kept["participant"][identifier]
    by_consultation: dict[str, list[Message]] = {}
    for record in records["message"].values():
        if isinstance(record, Message) and record.consultation in running:
            by_consultation.setdefault(record.consultation, []).append(record)
    last: list[Message] = []
    for texts in by_consultation.values():
        texts.sort(key=lambda text: (text.at_us, text.id))
        last += texts[-MESSAGES_IN_MEMORY:]
    kept["message"] = {text.id: text for text in last}
    return kept
