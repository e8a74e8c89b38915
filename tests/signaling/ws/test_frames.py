"""Frames of a server, read by a reader written from RFC 6455 and by aiohttp's."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import WSMsgType
from aiohttp._websocket.reader import WebSocketDataQueue, WebSocketReader
from aiohttp.base_protocol import BaseProtocol

from signaling.ws import frames
from tests.signaling.ws.client import payload


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 300_000])
async def test_a_text_of_any_size_is_one_frame(size: int) -> None:
    text = b'"' + b"x" * size + b'"'
    assert payload(frames.text(b'{"x":%b}' % text))["x"] == "x" * size
    queue = WebSocketDataQueue(BaseProtocol(asyncio.get_running_loop()), 1 << 20, loop=asyncio.get_running_loop())
    WebSocketReader(queue, 1 << 20, compress=False, decode_text=True).feed_data(frames.text(text))
    message = await queue.read()
    assert (message.type, message.data) == (WSMsgType.TEXT, text.decode())


async def test_control_frames_are_read_as_meant() -> None:
    queue = WebSocketDataQueue(BaseProtocol(asyncio.get_running_loop()), 1 << 20, loop=asyncio.get_running_loop())
    reader = WebSocketReader(queue, 1 << 20, compress=False, decode_text=True)
    reader.feed_data(frames.ping() + frames.pong(b"x" * 200) + frames.close(4408, "not-reading"))
    read = [await queue.read() for _ in range(3)]
    assert [(item.type, item.data) for item in read] == [
        (WSMsgType.PING, b""),
        (WSMsgType.PONG, b"x" * 125),
        (WSMsgType.CLOSE, 4408),
    ]
    assert read[2].extra == "not-reading"
