"""What of a chain is shown to whom it is given. Core: no I/O.

A content that is not shown is withheld: that a record of its kind stood there, and that the chain is whole, can still
be proved (`recorder.proof.records`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from msgspec import UNSET

from recorder.export.errors import ExportRefused
from recorder.proof import records
from recorder.proof.errors import ProofError
from recorder.proof.records import RecordedLine, SignedLine

WITHHOLDABLE: Final = frozenset({"opening", "event", "mark", "pause", "resume", "closure"})
"""Without segments and deletions verification could not tell a file that is not shown from one that was taken away."""
_TIMED: Final = frozenset({"segment", "event", "mark"})
"""Of what belongs to a time; the rest is about the recording as a whole."""


@dataclass(frozen=True, slots=True)
class Disclosure:
    """Which contents are shown: all but these kinds, of this time. Times are microseconds UTC, `until` exclusive."""

    withhold: frozenset[str] = frozenset()
    begin: int | None = None
    until: int | None = None

    def __post_init__(self) -> None:
        """Raise ExportRefused for kinds that cannot be withheld and times that are none."""
        if self.withhold - WITHHOLDABLE:
            raise ExportRefused("kind", ", ".join(sorted(self.withhold - WITHHOLDABLE)))
        if self.begin is not None and self.until is not None and self.begin >= self.until:
            raise ExportRefused("times", f"{self.begin} to {self.until}")

    @property
    def is_whole(self) -> bool:
        """Tell whether nothing is withheld that is there."""
        return not self.withhold and not self.has_times

    @property
    def has_times(self) -> bool:
        """Tell whether only a stretch of time is shown."""
        return self.begin is not None or self.until is not None

    def shown(self, text: bytes) -> tuple[bytes, RecordedLine | SignedLine | None]:
        """Give a line, without LF, as it is shown, and what it says then; None for one that cannot be read.

        Raises ExportRefused for such a line where something is to be withheld: nobody knows what it says.
        """
        try:
            line = records.parse(text)
        except ProofError as error:
            if self.is_whole:
                return text, None
            raise ExportRefused("chain-damaged", str(error)[:200]) from error
        if not isinstance(line, RecordedLine) or line.content is UNSET or self._shows(line.record.kind, line.content):
            return text, line
        text = records.withheld(text)
        return text, records.parse(text)

    def _shows(self, kind: str, content: Mapping[str, Any]) -> bool:
        if kind in self.withhold:
            return False
        if kind not in _TIMED or not self.has_times:
            return True
        begin, end = _span(content)
        if begin is None or end is None:
            return False
        is_late = self.until is not None and begin >= self.until
        return not is_late and (self.begin is None or end > self.begin or begin >= self.begin)


EVERYTHING: Final = Disclosure()


def _span(content: Mapping[str, Any]) -> tuple[int | None, int | None]:
    for first, last in (("start", "end"), ("t0", "t1"), ("at", "at")):
        begin, end = content.get(first), content.get(last)
        if isinstance(begin, int) and isinstance(end, int):
            return begin, end
    return None, None
