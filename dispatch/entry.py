"""An entry of the timeline: who did what to what, when, from where. Codes and values, never prose.

An entry states the new values of one object's fields, so that state is the sum of all entries and the database a
projection of them. One act may make several; they share one journal record, so all of them happened or none did.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from dispatch.hlc import Stamp

VERSION = 1
#: The key of `params` that no page, export or webhook ever sees.
SECRET = "secret"


class Origin(msgspec.Struct, frozen=True, omit_defaults=True):
    """From where an act came: address, device (the page's or endpoint's identifier), the actor's unit."""

    ip: str = ""
    device: str = ""
    unit: str = ""


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry. Unknown fields of a newer node are ignored.

    `object` is `kind:id`; `params` its new values, `{"gone": true}` when it ceased to be; `session` the consultation
    or call it belongs to; `actor` a person's id, or "system"; `on_behalf` whom somebody acted for.
    """

    v: int
    id: str
    node: str
    hlc: Stamp
    verb: str
    actor: str
    object: str
    on_behalf: str = ""
    session: str = ""
    incident: str = ""
    origin: Origin = msgspec.field(default=Origin(), name="from")
    params: dict[str, Any] = {}

    @property
    def at_us(self) -> int:
        """When it was done: microseconds UTC."""
        return self.hlc[0]

    @property
    def kind(self) -> str:
        """The kind of `object`."""
        return self.object.partition(":")[0]

    @property
    def object_id(self) -> str:
        """The id of `object`."""
        return self.object.partition(":")[2]


def encode(entries: Iterable[Entry]) -> bytes:
    """Return the journal record of the entries of one act: a JSON array without line feeds."""
    return _encoder.encode(list(entries))


def decode(record: bytes) -> list[Entry]:
    """Return the entries of a journal record. Raises msgspec.DecodeError, msgspec.ValidationError."""
    return _decoder.decode(record)


def public(entry: Entry) -> Entry:
    """Return the entry without its secrets."""
    if SECRET not in entry.params:
        return entry
    return msgspec.structs.replace(entry, params={key: value for key, value in entry.params.items() if key != SECRET})


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(list[Entry])
