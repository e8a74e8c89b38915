"""The names control knows are those of the plane's enums, in their order."""

import re
from pathlib import Path

import pytest

from media.plane.names import CODECS, DROP_NAMES, EXTENSIONS, codec_number
from media.plane.roundtrip import SOURCES

PLANE = Path(__file__).parents[3] / "media" / "plane"


def enum(file: str, prefix: str) -> list[str]:
    """Members of the enum whose first member starts with `prefix`, in order."""
    text = (PLANE / file).read_text()
    found = re.findall(rf"^    ({prefix}\w+)(?: = \d+)?\b", text, re.MULTILINE)
    return [name.removeprefix(prefix).lower() for name in found]


def test_every_drop_reason_has_its_name() -> None:
    assert (*DROP_NAMES, "reasons") == tuple(enum("model.pxd", "DROP_"))


def test_every_source_of_round_trips_has_its_name() -> None:
    assert tuple(enum("roundtrip.pxd", "RTT_")) == SOURCES


def test_every_codec_has_its_encoding_name() -> None:
    assert ["none", *(name.lower() for name in CODECS[1:])] == enum("codec.pxd", "CODEC_")


def test_every_header_extension_has_its_uri() -> None:
    members = enum("rtp.pxd", "EXTENSION_")
    assert len(members) == len(EXTENSIONS) + 2
    assert sorted(EXTENSIONS.values()) == list(range(1, len(EXTENSIONS) + 1))
    words = {"mid": "mid", "level": "level", "twcc": "transport-wide", "rotation": "orientation"}
    words |= {
        "capture_time": "abs-capture",
        "send_time": "abs-send",
        "playout": "playout-delay",
        "rid": "mes:rtp-stream",
        "repaired_rid": "repaired",
    }
    for uri, number in EXTENSIONS.items():
        assert words[members[number]].removeprefix("mes:") in uri


@pytest.mark.parametrize(
    ("name", "codec"),
    [("H264", 1), ("h264", 1), ("VP8", 3), ("OPUS", 6), ("opus", 6), ("PCMU", 8), ("telephone-event", 10), ("x", 10)],
)
def test_encoding_names_are_found_in_any_case(name: str, codec: int) -> None:
    assert codec_number(name) == codec
