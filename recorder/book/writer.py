"""The thread that keeps the book: orders come from anywhere, gather for a moment, and are answered when on disk.

Shell. A group waits `gather_s` for company, because each costs a head, a checkpoint and some syncs; what somebody
waits for does not. The queue is bounded: who orders more than the disk takes is refused, and told so at once.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import NamedTuple

from recorder.book.book import Book
from recorder.book.errors import BookBusy, BookClosed, BookFailed
from recorder.book.ledger import Stampable
from recorder.book.orders import Order, Written

GATHER_S = 2.0
MAX_WAITING = 10_000
FULL_GROUP = 1_000
"""So many orders wait for no more company."""
RETRY_S = 5.0
"""So long the log waits for a disk that refused."""
CLOSE_S = 10.0


class _Waiting(NamedTuple):
    order: Order
    answer: "Future[Written]"


def _utc_us() -> int:
    return time.time_ns() // 1000


class BookWriter:
    """A book and its thread; owns both until `close`."""

    def __init__(
        self,
        book: Book,
        *,
        gather_s: float = GATHER_S,
        max_waiting: int = MAX_WAITING,
        utc_us: Callable[[], int] = _utc_us,
    ) -> None:
        """`utc_us` tells the time that heads and checkpoints say."""
        self._book = book
        self._gather_s = gather_s
        self._max_waiting = max_waiting
        self._utc_us = utc_us
        self._changed = threading.Condition()
        # What follows belongs to the condition.
        self._waiting: deque[_Waiting] = deque()
        self._is_urgent = False
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="book", daemon=True)
        self._thread.start()

    @property
    def newest(self) -> Stampable | None:
        """Give the newest checkpoint."""
        return self._book.newest

    @property
    def to_stamp(self) -> Stampable | None:
        """Give the newest checkpoint that is worth a token."""
        return self._book.to_stamp

    @property
    def problem(self) -> str | None:
        """Say why the log lags behind the chains, for an alarm."""
        return self._book.problem

    @property
    def damaged(self) -> dict[str, str]:
        """Give the sessions that cannot be gone on with, and why."""
        return self._book.damaged

    def submit(self, order: Order) -> "Future[Written]":
        """Take an order, from any thread; orders of a session stay in their order.

        The answer may be BookFailed, BookDamaged, BookClosed, or a ProofError of an order that has no place or form.
        Raises BookBusy, BookClosed.
        """
        waiting = _Waiting(order, Future())
        waiting.answer.set_running_or_notify_cancel()  # what is taken is written, whoever still waits
        with self._changed:
            if self._is_closed:
                raise BookClosed("the book is closed")
            if len(self._waiting) >= self._max_waiting:
                raise BookBusy(f"{len(self._waiting)} orders wait for the disk")
            self._waiting.append(waiting)
            self._is_urgent = self._is_urgent or order.is_urgent
            if self._is_urgent or len(self._waiting) in (1, FULL_GROUP):
                self._changed.notify()
        return waiting.answer

    def close(self) -> None:
        """Write what waits and give everything back. Blocks until then: on a loop, call it in a thread.

        A disk that does not answer in time is left to the end of the process, and the book stays locked until then.
        """
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join(CLOSE_S)

    def _run(self) -> None:
        """Be the thread."""
        while True:
            group = self._take()
            if group is None:
                break
            try:
                answers = self._book.commit([waiting.order for waiting in group], self._utc_us())
            except Exception as error:
                # A fault of ours: what is on disk is whole, each order may be there or not.
                answers = [BookFailed(f"unexpected: {error!r}")] * len(group)
            for waiting, answer in zip(group, answers, strict=True):
                if isinstance(answer, Exception):
                    waiting.answer.set_exception(answer)
                else:
                    waiting.answer.set_result(answer)
        self._book.close()

    def _take(self) -> list[_Waiting] | None:
        """Wait for a group; an empty one where the log is to be tried again, None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closed, RETRY_S if self._book.is_behind else None)
            if self._waiting:
                self._changed.wait_for(self._is_enough, self._gather_s)
            elif self._is_closed:
                return None
            group, self._is_urgent = list(self._waiting), False
            self._waiting.clear()
            return group

    def _is_enough(self) -> bool:
        return self._is_urgent or self._is_closed or len(self._waiting) >= FULL_GROUP
