"""Why a segment file refuses; the package's docstring draws the tree."""

from typing import ClassVar


class SegmentError(Exception):
    """Base of the refusals of segment files; `code` is stable."""

    code: ClassVar[str] = "segment-error"


class SegmentInvalid(SegmentError):
    code = "segment-invalid"


class SegmentFull(SegmentError):
    code = "segment-full"


class SegmentBroken(SegmentError):
    code = "segment-broken"


class SegmentClosed(SegmentError):
    code = "segment-closed"


class SegmentDamaged(SegmentError):
    """`offset` is the byte from which on the file is not what was written."""

    code = "segment-damaged"

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(f"byte {offset}: {reason}")
        self.offset = offset
        self.reason = reason
