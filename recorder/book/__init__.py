"""The book of evidence: the files that prove what was recorded, kept by the server, in a thread of its own.

What is recorded comes as orders (`orders`); all that wait make a group. A group is on disk in this order, each step
made sure of before the next:

    1  each session's records with one head, in one write to its chain
    2  tokens, to the ledger
    3  the heads' and tokens' leaves, to the log
    4  a checkpoint over them, to the ledger

An order is answered when its own step is on disk and the others were tried. A start finds what the last steps of a
crash lack, and does them.

    layout    where what lies                          sessions  the chains
    disk      what is asked of the operating system    ledger    the ledger's file and keys
    appended  a file that only grows                   log       the log's leaves and nodes
    completing  digests that a chain has and a file was told without
    book      a group                                  writer    the thread, its queue and who waits
    stamper   asks outside witnesses                   evidence  the same files, for verification

The last two are imported by themselves: verification is to begin without HTTP.

It touches the folders `sessions` and `proof` of the recordings' root, and reads `tracks`. One process at a time keeps
a book: it locks `proof`. Nothing of it decides what is to be proved.

BookError
├── BookDamaged   what is there is not what was written, and no crash explains it
├── BookLocked    another process keeps it
├── BookFailed    the disk refused: the order is not in the book
├── BookBusy      too much waits
└── BookClosed    `close` was called
"""

from recorder.book.errors import BookBusy, BookClosed, BookDamaged, BookError, BookFailed, BookLocked
from recorder.book.orders import Append, KeepToken, Rotate, Written
from recorder.book.writer import BookWriter

__all__ = [
    "Append",
    "BookBusy",
    "BookClosed",
    "BookDamaged",
    "BookError",
    "BookFailed",
    "BookLocked",
    "BookWriter",
    "KeepToken",
    "Rotate",
    "Written",
]
