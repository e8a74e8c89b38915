"""Why an export refuses; the package's docstring draws the tree."""

from typing import ClassVar


class ExportError(Exception):
    """Base of the refusals of exports; `code` is stable. Nothing is left behind by any of them."""

    code: ClassVar[str] = "export-error"


class ExportRefused(ExportError):
    """What was asked for cannot be made; `reason` is stable, the text is for logs."""

    code = "export-refused"

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(f"{reason}: {text}")
        self.reason = reason


class ExportCancelled(ExportError):
    """Raised by who is told of progress, to end an export."""

    code = "export-cancelled"


class ExportFull(ExportError):
    code = "export-full"


class ExportFailed(ExportError):
    """The disk failed, or what is exported changed under our hands; it may be asked for again."""

    code = "export-failed"
