"""A page of the load keeps what a server sends, however it is cut, and says why it was sent away."""

import asyncio

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.load.page import Page
from signaling.ws import frames

UPGRADED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
SIZES = st.sampled_from([0, 1, 125, 126, 127, 65_535, 65_536, 70_000])


class Wire(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.is_cut = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.is_cut

    def abort(self) -> None:
        self.is_cut = True


def connected() -> tuple[Page, Wire]:
    page, wire = Page(443), Wire()
    page.connection_made(wire)
    wire.written = b""
    return page, wire


@given(sizes=st.lists(SIZES, max_size=5), cuts=st.lists(st.integers(1, 80_000), max_size=6))
def test_messages_are_whole_however_the_stream_is_cut(sizes: list[int], cuts: list[int]) -> None:
    payloads = [bytes([65 + place]) * size for place, size in enumerate(sizes)]
    stream = UPGRADED + b"".join(map(frames.text, payloads))
    page, _ = connected()
    begin = 0
    for cut in (*cuts, len(stream)):
        page.data_received(stream[begin : begin + cut])
        begin += cut
    assert [text for _, text in page.arrivals] == payloads


def test_ping_is_answered_and_close_ends_the_page() -> None:
    page, wire = connected()
    page.data_received(UPGRADED + frames.ping())
    assert wire.written == bytes((0x8A, 0x80, 0, 0, 0, 0))
    page.data_received(frames.close(4401, "not-signed-in"))
    assert page.is_closed and wire.is_cut
    assert page.close_code == 4401 and page.closed_ns > 0


def test_page_that_does_not_answer_a_close_keeps_its_line() -> None:
    page, wire = connected()
    page.answers_close = False
    page.data_received(UPGRADED)
    assert page.closed_ns == 0
    page.data_received(frames.close(4401, "not-signed-in"))
    assert page.close_code == 4401 and page.closed_ns > 0
    assert not page.is_closed and not wire.is_cut


@pytest.mark.parametrize("size", [0, 200, 70_000])
def test_what_is_said_is_a_masked_text_frame(size: int) -> None:
    page, wire = connected()
    message = {"t": "act", "text": "x" * size}
    page.say(message)
    payload = msgspec.json.encode(message)
    assert wire.written[0] == 0x81 and wire.written[1] & 0x80
    assert wire.written.endswith(bytes(4) + payload)
    head = wire.written[: -len(payload) - 4]
    assert int.from_bytes(head[2:]) == len(payload) if len(head) > 2 else head[1] & 0x7F == len(payload)


def test_refused_upgrade_ends_the_page() -> None:
    page, wire = connected()
    page.data_received(b"HTTP/1.1 503 Service Unavailable\r\n\r\n")
    assert page.is_closed and wire.is_cut
