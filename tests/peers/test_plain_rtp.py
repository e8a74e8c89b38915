"""Plain RTP with a sender and a receiver that nobody here wrote: what ffmpeg sends to a port of the plane, another
ffmpeg sees and hears; in the clear and under SRTP keys, with a key of its own on each side.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio

from config import Media
from media.plane.memory import live_objects
from media.plane.srtp import SrtpKeys
from media.plane.transport import PlaneTransport
from media.relay import PublicationFormat, Relay, RelayTrack, RouteFormat
from tests.patience import PATIENCE_S, until
from tests.peers import ffmpeg_ends, tone
from tests.peers.ffmpeg_ends import Format
from tests.peers.programs import running
from tests.ports import free_ports

pytestmark = pytest.mark.asyncio(loop_scope="package")

PROFILE: Final = "SRTP_AES128_CM_SHA1_80"
KEY_BYTES: Final = 30
SENT_SSRC: Final = 4_321
#: What is asked in a row of a receiver, so that it is the source and not a remainder of it.
LOOKS: Final = 10


@pytest_asyncio.fixture(loop_scope="package")
async def relay() -> AsyncIterator[Relay]:
    before = live_objects()
    relay = Relay(Media(bind="127.0.0.1", port=free_ports()))
    relay.open()
    relay.start(lambda event: None)
    yield relay
    await until("everything freed", lambda: all(thread.live_objects == 0 for thread in relay.threads))
    relay.close()
    assert live_objects() == before


def bound(port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setblocking(False)
    made.bind(("127.0.0.1", port))
    return made


@contextlib.contextmanager
def call(relay: Relay, sent: Format, wanted: Format, keys: tuple[bytes, bytes]) -> Iterator[tuple[int, int]]:
    """Relay what latches to one plain port to another far end; give the ports to send to and to receive at."""
    thread = relay.choose_thread()
    with contextlib.ExitStack() as ends:
        asked, heard = free_ports(2), free_ports(2)
        # Where ffmpeg sends its reports: held, so that they come to nobody else's socket.
        ends.enter_context(bound(asked + 1))
        camera, screen = (
            PlaneTransport(thread, port_socket=bound(port), latch=port == asked, keys=key)
            for port, key in ((asked, to_us(keys[0])), (0, from_us(keys[1])))
        )
        ends.enter_context(contextlib.closing(camera))
        ends.enter_context(contextlib.closing(screen))
        track = RelayTrack(relay, is_video=sent.codec != "opus")
        ends.enter_context(contextlib.closing(track))
        published = PublicationFormat(b"", [(sent.payload_type, sent.number, sent.clock_rate, 0)])
        ends.enter_context(contextlib.closing(track.publish(camera, published)))
        types = {wanted.number: (wanted.payload_type, 0)}
        ends.enter_context(contextlib.closing(track.route(screen, RouteFormat(SENT_SSRC, 0, types, wanted.clock_rate))))
        screen.select(("127.0.0.1", heard))
        assert not camera.stats()["remote"]
        yield asked, heard
        assert camera.stats()["remote"]
        assert thread.counters()["drops"] == {}


def to_us(key: bytes) -> SrtpKeys | None:
    return SrtpKeys(PROFILE, os.urandom(KEY_BYTES), key) if key else None


def from_us(key: bytes) -> SrtpKeys | None:
    return SrtpKeys(PROFILE, key, os.urandom(KEY_BYTES)) if key else None


SECURED: Final = pytest.mark.parametrize(
    "key_bytes",
    [(0, 0), (KEY_BYTES, KEY_BYTES), (KEY_BYTES, 0), (0, KEY_BYTES)],
    ids=["clear", "both keyed", "sender keyed", "receiver keyed"],
)


@SECURED
@pytest.mark.parametrize(("codec", "shown"), [("H264", "red"), ("VP8", "blue")])
async def test_picture_that_ffmpeg_sends_is_the_one_another_decodes(
    relay: Relay, tmp_path: Path, key_bytes: tuple[int, int], codec: str, shown: str
) -> None:
    sent, wanted, keys = Format(codec, 96), Format(codec, 101), (os.urandom(key_bytes[0]), os.urandom(key_bytes[1]))
    with call(relay, sent, wanted, keys) as (asked, heard):
        (tmp_path / "seen.sdp").write_text(ffmpeg_ends.description(wanted, heard, keys[1]))
        async with (
            running(ffmpeg_ends.receive(wanted, str(tmp_path / "seen.sdp"))) as receiver,
            running(ffmpeg_ends.send(sent, shown, asked, keys[0])),
            asyncio.timeout(PATIENCE_S),
        ):
            assert [await ffmpeg_ends.shows(receiver) for _ in range(LOOKS)] == [shown] * LOOKS


@SECURED
async def test_tone_that_ffmpeg_sends_is_the_one_another_decodes(
    relay: Relay, tmp_path: Path, key_bytes: tuple[int, int]
) -> None:
    sent, wanted, keys = Format("opus", 97), Format("opus", 109), (os.urandom(key_bytes[0]), os.urandom(key_bytes[1]))
    with call(relay, sent, wanted, keys) as (asked, heard):
        (tmp_path / "heard.sdp").write_text(ffmpeg_ends.description(wanted, heard, keys[1]))
        async with (
            running(ffmpeg_ends.receive(wanted, str(tmp_path / "heard.sdp"))) as receiver,
            running(ffmpeg_ends.send(sent, 850.0, asked, keys[0])),
            asyncio.timeout(PATIENCE_S),
        ):
            await ffmpeg_ends.hears(receiver)  # its decoder begins with silence
            heard_hz = [await ffmpeg_ends.hears(receiver) for _ in range(3)]
            assert [abs(frequency - 850) < tone.TOLERANCE_HZ for frequency in heard_hz] == [True] * 3, heard_hz
