"""Asks outside witnesses to stamp the book's checkpoints, one a minute at most (RFC 3161 section 3.4, over HTTP).

Shell over `proof.stamping`, which decides whom to ask when, and `proof.tokens`, which checks what comes. An answer is
kept if it proves something, or would to who has the authority's root certificate: the latter is told. What an authority
sends is bounded, and no redirect leads elsewhere.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import aiohttp

from recorder.book.errors import BookError
from recorder.book.orders import KeepToken
from recorder.book.writer import BookWriter
from recorder.proof.errors import ProofError, TokenRefused
from recorder.proof.stamping import Order, Stamping
from recorder.proof.tokens import (
    MAX_RESPONSE_BYTES,
    Certificates,
    OtherCheck,
    Stamp,
    TokenUnvouched,
    check,
    check_answer,
    request,
)

EVERY_S: Final = 60.0
ANSWER_S: Final = 20.0
_QUERY = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}


@dataclass(frozen=True, slots=True)
class Authority:
    """A time stamp authority; `certificates` are its own roots and what lies between."""

    url: str
    certificates: Certificates


class Stamper:
    """Runs until it is cancelled. What it knows of the authorities is for an alarm: `unreachable`, `refusals`."""

    def __init__(
        self,
        book: BookWriter,
        session: aiohttp.ClientSession,
        authorities: Sequence[Authority],
        *,
        other_check: OtherCheck | None = None,
        every_s: float = EVERY_S,
        utc_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        """`session` stays its owner's; `other_check` is the second way to check a token (`proof.openssl`)."""
        self._book = book
        self._session = session
        self._authorities = {authority.url: authority for authority in authorities}
        self._other_check = other_check
        self._every_s = every_s
        self._utc_us = utc_us
        self._stamping = Stamping(list(self._authorities))
        self._asking: set[asyncio.Task[None]] = set()
        self._some = asyncio.Event()
        self.refusals: dict[str, str] = {}
        """What is wrong with each authority's last answer."""
        self._unvouched: dict[str, bytes] = {}
        """What each authority's last answer is over that was kept though no root certificate leads to its signer."""

    @property
    def unreachable(self) -> dict[str, int]:
        """Give the authorities that fail, with the time since when, microseconds UTC."""
        return self._stamping.unreachable()

    async def run(self) -> None:
        """Ask as long as this runs; what is under way ends with it."""
        try:
            while True:
                self._ask_where_due()
                self._some.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._some.wait(), self._every_s)
        finally:
            for task in self._asking:
                task.cancel()
            await asyncio.gather(*self._asking, return_exceptions=True)

    def soon(self) -> None:
        """Ask now: a session has ended, and nothing will come to it any more."""
        self._some.set()

    def _ask_where_due(self) -> None:
        now = self._utc_us()
        # Tokens are leaves, so a checkpoint over them is new: only a renewal has one of those stamped.
        worth = self._book.newest if self._stamping.is_renewal_due(now) else self._book.to_stamp
        if worth is not None:
            self._stamping.offer(worth.stamped, worth.size)
        for order in self._stamping.due(now):
            task = asyncio.create_task(self._ask(order))
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)

    async def _ask(self, order: Order) -> None:
        try:
            stamp = await self._stamp(order)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError, ProofError, BookError) as error:
            self.refusals[order.authority] = str(error)[:200] or type(error).__name__
            self._stamping.failed(order, self._utc_us())
        else:
            self.refusals.pop(order.authority, None)
            self._stamping.succeeded(order, stamp, self._utc_us())

    async def _keep(self, order: Order, response: bytes) -> None:
        await asyncio.wrap_future(self._book.submit(KeepToken(order.stamped, response)))

    async def _stamp(self, order: Order) -> Stamp:
        """Have it stamped and the answer kept; give what that proves.

        Raises TokenRefused and others; of an answer that only another root would tell about, when it is kept.
        """
        authority, asked = self._authorities[order.authority], request(order.stamped)
        posted = self._session.post(
            authority.url,
            data=asked.as_bytes(),
            headers=_QUERY,
            timeout=aiohttp.ClientTimeout(total=ANSWER_S),
            allow_redirects=False,
        )
        async with posted as answer:
            if answer.status != 200:
                raise TokenRefused(f"HTTP {answer.status}")
            response = bytearray()
            async for piece in answer.content.iter_chunked(MAX_RESPONSE_BYTES):
                response += piece
                if len(response) > MAX_RESPONSE_BYTES:
                    raise TokenRefused(f"more than {MAX_RESPONSE_BYTES} bytes")
        # Checking may ask another program, and takes milliseconds in any case.
        kept = bytes(response)
        try:
            stamp = await asyncio.to_thread(
                check, kept, order.stamped, authority.certificates, self._other_check, asked
            )
        except TokenUnvouched:
            # This moment does not come back: who has the root later learns from it that all this was there now. Who
            # answered may not be the authority, so it is asked again, and one such answer is kept.
            check_answer(kept, asked)
            if self._unvouched.get(authority.url) != order.stamped:
                await self._keep(order, kept)
                self._unvouched[authority.url] = order.stamped
            raise
        await self._keep(order, kept)
        return stamp
