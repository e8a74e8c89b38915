"""Why the book refuses."""


class BookError(Exception):
    """Base of them all."""


class BookDamaged(BookError):
    """What is there is not what was written, and no crash explains it: it is left as it is, for verification."""


class BookLocked(BookError):
    """Another process keeps this book."""


class BookFailed(BookError):
    """The disk refused. What was ordered is not in the book, and may be ordered again."""


class BookBusy(BookError):
    """Too much waits for the disk."""


class BookClosed(BookError):
    """`close` was called."""
