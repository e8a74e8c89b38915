"""Lines of a connection: what they offer, and which statistics are theirs."""

from typing import Any

import pytest
from playwright.async_api import Page

from tests.console.test_logic import run

pytestmark = pytest.mark.asyncio(loop_scope="package")

REPORT: list[dict[str, Any]] = [
    {"id": "c", "type": "codec", "mimeType": "video/H264"},
    {"id": "p", "type": "candidate-pair", "nominated": True},
    {"id": "i0", "type": "inbound-rtp", "mid": "0", "kind": "video"},
    {"id": "i1", "type": "inbound-rtp", "mid": "1", "kind": "audio"},
    {"id": "i2", "type": "inbound-rtp", "mid": "2", "kind": "video"},
    {"id": "r0", "type": "remote-outbound-rtp", "localId": "i0"},
    {"id": "r2", "type": "remote-outbound-rtp", "localId": "i2"},
    {
        "id": "o3",
        "type": "outbound-rtp",
        "mid": "3",
        "timestamp": 5,
        "bytesSent": 10,
        "packetsSent": 2,
        "framesEncoded": 4,
    },
    {
        "id": "o4",
        "type": "outbound-rtp",
        "mid": "3",
        "timestamp": 7,
        "bytesSent": 30,
        "packetsSent": 3,
        "framesEncoded": 9,
    },
    {"id": "o5", "type": "outbound-rtp", "mid": "4", "timestamp": 9, "bytesSent": 99, "packetsSent": 9},
    {
        "id": "x3",
        "type": "remote-inbound-rtp",
        "localId": "o3",
        "packetsLost": 1,
        "jitter": 0.002,
        "roundTripTime": 0.05,
    },
    {"id": "x4", "type": "remote-inbound-rtp", "localId": "o4", "packetsLost": 2, "jitter": 0.004},
    {"id": "x5", "type": "remote-inbound-rtp", "localId": "o5", "packetsLost": 50},
]
MAP = "new Map(a[0].map((entry) => [entry.id, entry]))"


async def test_h264_is_offered_first_and_what_nobody_sends_not_at_all(blank: Page) -> None:
    codecs = [
        {"mimeType": "video/VP8"},
        {"mimeType": "video/rtx"},
        {"mimeType": "video/H264", "sdpFmtpLine": "packetization-mode=0;profile-level-id=42e01f"},
        {"mimeType": "video/H264", "sdpFmtpLine": "packetization-mode=1;profile-level-id=42e01f"},
        {"mimeType": "video/VP9", "sdpFmtpLine": "profile-id=0"},
        {"mimeType": "video/VP9", "sdpFmtpLine": "profile-id=2"},
        {"mimeType": "video/red"},
        {"mimeType": "video/ulpfec"},
    ]
    got = await run(blank, "lines", "m.offerable(a)", codecs)
    assert got == [codecs[3], codecs[0], codecs[1], codecs[4]]


async def test_a_line_has_its_own_statistics_and_those_of_the_connection(blank: Page) -> None:
    got = await run(blank, "lines", f"[...m.partOf({MAP}, new Set(a[1])).keys()]", [REPORT, ["0", "1", None]])
    assert set(got) == {"c", "p", "i0", "i1", "r0"}


async def test_layers_of_a_published_line_are_one(blank: Page) -> None:
    got = await run(blank, "lines", f"m.sentOf({MAP}, new Set(a[1]))", [REPORT, ["3"]])
    assert got == {"at": 7, "bytes": 40, "packets": 5, "frames": 9, "lost": 3, "tripMs": 50, "jitterMs": 4}
    unknown = await run(blank, "lines", f"m.sentOf({MAP}, new Set(a[1]))", [REPORT, ["9"]])
    assert (unknown["bytes"], unknown["lost"], unknown["tripMs"]) == (0, None, None)
