"""What the tests of a journal share: entries, and a disk that makes nothing durable."""

from collections.abc import Iterable

from dispatch.journal import Journal
from dispatch.journal.disk import Disk


class HastyDisk(Disk):
    """Returns from `sync` at once."""

    def sync(self, fd: int) -> None:
        pass


def payloads(journal: Journal, from_position: int = 0, limit: int | None = None) -> list[bytes]:
    """Give what is read, having looked at the positions."""
    entries = [entry for batch in journal.read(from_position, limit) for entry in batch]
    assert [position for position, _ in entries] == list(range(from_position, from_position + len(entries)))
    return [payload for _, payload in entries]


def numbered(numbers: Iterable[int]) -> list[bytes]:
    """Give a payload for each number, its own and of changing length."""
    return [b'{"n":%d,"of":"%s"}' % (number, b"x" * (number % 97)) for number in numbers]
