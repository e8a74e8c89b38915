"""Texts as QR codes: their modules, for the page to draw. Its policy lets no pictures in but the node's own files."""

from __future__ import annotations

import asyncio
from typing import Annotated, Final

import msgspec
import segno
from aiohttp import web
from msgspec import Meta

from signaling.http.body import read_json
from signaling.http.operation import BASE, JSON, Door, Operation, answer
from signaling.http.problem import Problem

MAX_BODY_BYTES: Final = 8_192
#: Texts in hand; some seconds of work.
MAX_WAITING: Final = 16


class QrText(msgspec.Struct, frozen=True):
    """What the code says."""

    text: Annotated[str, Meta(min_length=1, max_length=512)]


class QrCode(msgspec.Struct, frozen=True):
    """`rows` from the top: a character a module, 1 is dark. The quiet zone of four modules is the drawer's to leave."""

    rows: tuple[str, ...]


OPERATION: Final = Operation(
    name="qr.make",
    method="POST",
    path=f"{BASE}/qr",
    summary="A text as a QR code",
    why="it tells nothing but what the asker sent",
    takes={JSON: QrText},
    gives={200: {JSON: QrCode}},
    refuses=frozenset({400, 401, 403, 408, 413, 415, 422, 503}),
    tag="node",
)


class QrEndpoint:
    """The handler of `/qr`. A long text takes up to 0.12 s, so a thread does it, one text after another."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._turn = asyncio.Lock()
        self._waiting = 0

    def routes(self) -> list[web.RouteDef]:
        """Return the route to add to an application."""
        return [OPERATION.route(self._make)]

    async def _make(self, request: web.Request) -> web.Response:
        self._door.caller(request)
        asked = await read_json(request, QrText, MAX_BODY_BYTES)
        if self._waiting >= MAX_WAITING:
            raise Problem("node-busy", f"{MAX_WAITING} texts wait already")
        self._waiting += 1
        try:
            async with self._turn:
                rows = await asyncio.to_thread(_rows, asked.text)
        finally:
            self._waiting -= 1
        return answer(QrCode(rows), headers={"Cache-Control": "no-store"})


def _rows(text: str) -> tuple[str, ...]:
    # A screen is clean, and a code with fewer modules is read from further away.
    made = segno.make_qr(text, error="l", boost_error=True, encoding="utf-8")
    return tuple("".join("1" if module else "0" for module in row) for row in made.matrix)
