"""Why a journal refuses; the package's docstring draws the tree."""

from typing import ClassVar


class JournalError(Exception):
    """Base of the journal's refusals; `code` is stable and goes to the client."""

    code: ClassVar[str] = "journal-error"


class JournalInvalid(JournalError):
    code = "journal-invalid"


class JournalBusy(JournalError):
    code = "journal-busy"


class JournalFull(JournalError):
    code = "journal-full"


class JournalBroken(JournalError):
    code = "journal-broken"


class JournalClosed(JournalError):
    code = "journal-closed"


class JournalLocked(JournalError):
    code = "journal-locked"


class JournalForeign(JournalError):
    code = "journal-foreign"


class JournalDamaged(JournalError):
    """`file` is the file's name, `offset` the byte in it from which on it is not what was written."""

    code = "journal-damaged"

    def __init__(self, file: str, offset: int, reason: str) -> None:
        super().__init__(f"{file}, byte {offset}: {reason}")
        self.file = file
        self.offset = offset
        self.reason = reason
