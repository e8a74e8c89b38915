"""The file under the timeline: byte strings are appended, answered when they are on disk, and given back in order.

It knows nothing of what it keeps. The cores (`format`, `header`, `recovery`, `offsets`) say what the bytes mean; the
shells (`disk`, `opening`, `tail`, `reading`, `file`) touch one folder and nothing else.

JournalError
├── JournalInvalid      journal-invalid     what was to be appended cannot be kept
├── JournalBusy         journal-busy        too much waits, or the process is short of something; try again
├── JournalFull         journal-full        no space; nothing was written; try again when there is some
├── JournalBroken       journal-broken      the disk failed; nothing can be appended until the process starts anew
├── JournalClosed       journal-closed      `close` was called
├── JournalLocked       journal-locked      another process has this journal open
├── JournalForeign      journal-foreign     a file of another node, another journal or a newer version
└── JournalDamaged      journal-damaged     what was on disk is no longer there; names file and byte
"""

from dispatch.journal.errors import (
    JournalBroken,
    JournalBusy,
    JournalClosed,
    JournalDamaged,
    JournalError,
    JournalForeign,
    JournalFull,
    JournalInvalid,
    JournalLocked,
)
from dispatch.journal.file import Journal, Limits

__all__ = [
    "Journal",
    "JournalBroken",
    "JournalBusy",
    "JournalClosed",
    "JournalDamaged",
    "JournalError",
    "JournalForeign",
    "JournalFull",
    "JournalInvalid",
    "JournalLocked",
    "Limits",
]
