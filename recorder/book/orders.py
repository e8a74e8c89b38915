"""What the book is told to do. Data only."""

from dataclasses import dataclass, field
from typing import Any

from recorder.proof.records import RecordedKind

#: Somebody waits for these, or more depends on them than on one more segment.
_URGENT: frozenset[RecordedKind] = frozenset({"opening", "pause", "resume", "deletion", "closure"})


@dataclass(frozen=True, slots=True)
class Append:
    """Record something in a session's chain; an opening begins it, a closure ends it.

    What belongs to several sessions is ordered for each.
    """

    session: str
    kind: RecordedKind
    content: dict[str, Any] = field(repr=False)

    @property
    def is_urgent(self) -> bool:
        """Tell whether the group is not to wait for company."""
        return self.kind in _URGENT


@dataclass(frozen=True, slots=True)
class KeepToken:
    """Keep an authority's checked response over the line of a checkpoint."""

    stamped: bytes = field(repr=False)
    response: bytes = field(repr=False)
    is_urgent = False


@dataclass(frozen=True, slots=True)
class Rotate:
    """Make a new key; it signs from now on."""

    is_urgent = True


Order = Append | KeepToken | Rotate


@dataclass(frozen=True, slots=True)
class Written:
    """That an order is on disk. `record` is its n in its chain; -1 of what is in no chain."""

    record: int = -1
