"""One life of a publisher: `python -m tests.soak.publisher HTTPS_URL TOKEN CA_FILE SOURCE_NUMBER GENERATION`.

Sends a picture's frames and sound's packets, each with its mark, until SIGTERM (it says goodbye), until another
publisher takes the source over, or until it is killed. Says "connected", and how it ended.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import Final

from signaling.client.http import HttpOptions
from signaling.client.publisher import Publisher
from signaling.client.session import SessionOptions
from signaling.sdp.offer import Kind, PublishTrack, offer_codecs
from tests.soak.marks import PICTURE, SOUND, Mark

SOUND_SECONDS: Final = 0.02
SOUNDS_A_PICTURE: Final = 3
PICTURES_A_KEYFRAME: Final = 50
#: Two packets for a picture, so that pictures are bursts.
PICTURE_BYTES: Final = 1_800
#: The beginning of a keyframe of 320x180 and of another frame, as far as a relay looks (RFC 6386 section 9.1).
_KEYFRAME: Final = b"\x10\x02\x00\x9d\x01\x2a\x40\x01\xb4\x00"
_OTHER: Final = b"\x11\x02\x00"


def track(kind: Kind, encoding: str, source: int, ssrc: int) -> PublishTrack:
    rtx = ssrc + 1 if kind == "video" else None
    return PublishTrack(kind, offer_codecs(kind, (encoding,)), f"soak{source}", kind, f"soak{source}", ssrc, rtx)


class Sender:
    """Makes and sends the frames of one session."""

    def __init__(self, url: str, options: SessionOptions, source: int, generation: int) -> None:
        tracks = [track("video", "VP8", source, 10), track("audio", "opus", source, 20)]
        self.publisher = Publisher(f"{url}/whip/soak{source}", tracks, options, self._on_keyframe_requested)
        self._source = source
        self._generation = generation
        self._keyframe_wanted = True

    def _on_keyframe_requested(self, _track: int, _layer: int) -> None:
        self._keyframe_wanted = True

    async def run(self) -> None:
        """Send at a steady pace until cancelled; what was slept through is left out."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        number = 0
        while True:
            await asyncio.sleep(begun + number * SOUND_SECONDS - loop.time())
            self._send(number, loop.time())
            number = max(number + 1, int((loop.time() - begun) / SOUND_SECONDS))

    def _send(self, number: int, now: float) -> None:
        self.publisher.send(1, b"\x80" + bytes(Mark(SOUND, self._source, self._generation, number)), now)
        if number % SOUNDS_A_PICTURE:
            return
        count = number // SOUNDS_A_PICTURE
        head = _KEYFRAME if self._keyframe_wanted or count % PICTURES_A_KEYFRAME == 0 else _OTHER
        self._keyframe_wanted = False
        body = head + bytes(PICTURE_BYTES) + bytes(Mark(PICTURE, self._source, self._generation, count))
        self.publisher.send(0, body, now)


async def main(url: str, token: str, ca_file: str, source: str, generation: str) -> None:
    """Connect, send, and end in order unless killed."""
    options = SessionOptions(HttpOptions(token, Path(ca_file)))
    sender = Sender(url, options, int(source), int(generation))
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    await sender.publisher.start()
    print("connected", flush=True)
    tasks = [
        asyncio.create_task(sender.run()),
        asyncio.create_task(sender.publisher.closed()),
        asyncio.create_task(told.wait()),
    ]
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await sender.publisher.close()
    assert tasks[0] not in done, tasks[0].exception()
    print("left" if told.is_set() else "replaced", flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
