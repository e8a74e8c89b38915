"""A page as docs/api.md describes it: what it was sent, kept topic by topic, and complaints when that does not fit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

Json = dict[str, Any]


def payload(frame: bytes) -> Json:
    """Read a server's text frame (RFC 6455 section 5.2), written from the RFC and not from our framing."""
    assert frame[0] == 0x81, "one whole text frame"
    assert not frame[1] & 0x80, "a server does not mask"
    size, begin = frame[1] & 0x7F, 2
    if size == 126:
        size, begin = int.from_bytes(frame[2:4]), 4
        assert size >= 126
    elif size == 127:
        size, begin = int.from_bytes(frame[2:10]), 10
        assert size >= 1 << 16
    assert len(frame) == begin + size
    message: Json = msgspec.json.decode(frame[begin:])
    return message


@dataclass
class Held:
    """What a page holds of a topic."""

    seq: int
    records: dict[tuple[str, str], Json] = field(default_factory=dict)
    #: Whether its beginning is not all there yet.
    fills: bool = False


class Pages:
    """What one page has received, over all its connections."""

    def __init__(self) -> None:
        self.held: dict[str, Held] = {}
        self.gone: dict[str, str] = {}
        self.received: list[Json] = []

    def receive(self, message: Json) -> None:
        self.received.append(message)
        topic = message["topic"]
        if message["t"] == "gone":
            self.held.pop(topic, None)
            self.gone[topic] = message["code"]
            return
        assert message["t"] == "state"
        fills = self.held[topic].fills if topic in self.held else False
        if message["reset"]:
            assert message["drops"] == {}
            self.held[topic] = Held(message["seq"])
        else:
            held = self.held[topic]
            assert message["seq"] == (held.seq if fills else held.seq + 1), "nothing is lost or comes twice"
            assert message["puts"] or message["drops"], "nothing is sent in vain"
            held.seq = message["seq"]
        self.held[topic].fills = message.get("more", False)
        records = self.held[topic].records
        for kind, ids in message["drops"].items():
            for identifier in ids:
                del records[kind, identifier]
        for kind, put in message["puts"].items():
            for record in put:
                key = kind, record["id"]
                assert records.get(key) != record, "what has not changed is not sent"
                records[key] = record

    def ids(self, topic: str, kind: str) -> set[str]:
        return {identifier for of, identifier in self.held[topic].records if of == kind}

    def record(self, topic: str, kind: str, identifier: str) -> Json:
        return self.held[topic].records[kind, identifier]

    def resume(self) -> dict[str, int]:
        return {topic: held.seq for topic, held in self.held.items() if not held.fills}
