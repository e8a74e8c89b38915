"""What a session description says, as data: one model for WebRTC, WHIP and WHEP, SIP and GB/T 28181.

Leaf values are frozen; the two sections (session, media) are plain and may be built up. Text is kept as it
came, except that encoding names of known codecs, fingerprints and fmtp names have one spelling, so that equal
means equal. What the parser does not know stays, in order, in `attributes` (a=) and `lines` (any other
letter). Touches nothing outside.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]
Setup = Literal["actpass", "active", "passive", "holdconn"]

DIRECTIONS: tuple[Direction, ...] = ("sendrecv", "sendonly", "recvonly", "inactive")
SETUPS: tuple[Setup, ...] = ("actpass", "active", "passive", "holdconn")


@dataclass(frozen=True, slots=True)
class Origin:
    """The o= line (RFC 8866 section 5.2); identifiers stay text because peers put anything there."""

    username: str = "-"
    session_id: str = "0"
    version: str = "0"
    network: str = "IN"
    address_type: str = "IP4"
    address: str = "0.0.0.0"


@dataclass(frozen=True, slots=True)
class Connection:
    """The c= line; a multicast `address` keeps its /ttl suffix."""

    address: str
    address_type: str = "IP4"
    network: str = "IN"


@dataclass(frozen=True, slots=True)
class Bandwidth:
    """A b= line: AS in kbit/s, TIAS in bit/s."""

    kind: str
    value: int


@dataclass(frozen=True, slots=True)
class Group:
    """a=group (RFC 5888), BUNDLE among them."""

    semantics: str
    mids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """a=fingerprint (RFC 8122): `algorithm` in lower case, `value` as upper-case hexadecimal pairs with
    colons.
    """

    algorithm: str
    value: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """a=candidate (RFC 8839 section 5.1). `address` may be a name (mDNS). `extensions` holds the pairs we do
    not know.
    """

    foundation: str
    component: int
    transport: str
    priority: int
    address: str
    port: int
    type: str
    related_address: str | None = None
    related_port: int | None = None
    tcp_type: str | None = None
    extensions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Codec:
    """A payload format. `channels` is 1 where rtpmap names none. `feedback` holds (type, parameter),
    parameter "" for none.

    fmtp names are in lower case; a part without "=" (RED's "111/111", telephone-event's "0-15") is a name
    with value "".
    """

    payload_type: int
    encoding: str
    clock_rate: int
    channels: int = 1
    fmtp: dict[str, str] = field(default_factory=dict)
    feedback: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Extension:
    """a=extmap (RFC 8285)."""

    id: int
    uri: str
    direction: Direction | None = None
    attributes: str = ""


@dataclass(frozen=True, slots=True)
class Rid:
    """a=rid (RFC 8851). `direction` is "send" or "recv"; `restrictions` excludes pt=, which is
    `payload_types`.
    """

    rid: str
    direction: str
    payload_types: tuple[int, ...] = ()
    restrictions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class SimulcastRid:
    rid: str
    paused: bool = False


SimulcastStreams = tuple[tuple[SimulcastRid, ...], ...]
"""Streams in the order of the line, each a tuple of alternatives, the preferred first."""


@dataclass(frozen=True, slots=True)
class Simulcast:
    """a=simulcast (RFC 8853)."""

    send: SimulcastStreams = ()
    recv: SimulcastStreams = ()


@dataclass(frozen=True, slots=True)
class SsrcAttribute:
    """One a=ssrc line (RFC 5576)."""

    ssrc: int
    attribute: str
    value: str | None = None


@dataclass(frozen=True, slots=True)
class SsrcGroup:
    """a=ssrc-group: FID pairs a stream with its RTX stream, SIM lists simulcast streams."""

    semantics: str
    ssrcs: tuple[int, ...]


@dataclass(slots=True, kw_only=True)
class Section:
    """What both levels may carry. `gb_ssrc` is y=, `gb_format` is f= (GB/T 28181 annex G)."""

    connection: Connection | None = None
    bandwidths: list[Bandwidth] = field(default_factory=list)
    direction: Direction | None = None
    setup: Setup | None = None
    ice_ufrag: str | None = None
    ice_pwd: str | None = None
    ice_options: tuple[str, ...] = ()
    ice_lite: bool = False
    fingerprints: list[Fingerprint] = field(default_factory=list)
    candidates: list[Candidate] = field(default_factory=list)
    end_of_candidates: bool = False
    extensions: list[Extension] = field(default_factory=list)
    extmap_allow_mixed: bool = False
    attributes: list[tuple[str, str | None]] = field(default_factory=list)
    lines: list[tuple[str, str]] = field(default_factory=list)
    gb_ssrc: str | None = None
    gb_format: str | None = None

    def attribute(self, name: str) -> str | None:
        """Value of the first attribute of this name among those the parser does not know ("" for a flag)."""
        for key, value in self.attributes:
            if key.lower() == name:
                return value or ""
        return None

    def line(self, letter: str) -> str | None:
        """Value of the first line of this letter among those the parser only keeps (i, u, e, p, k, r, z and
        unknown).
        """
        return next((value for key, value in self.lines if key == letter), None)


@dataclass(slots=True, kw_only=True)
class MediaDescription(Section):
    """One m= section. `formats` is the line's own list; `codecs` follows its order (preferred first)."""

    kind: str
    port: int
    profile: str
    formats: list[str] = field(default_factory=list)
    port_count: int = 1
    mid: str | None = None
    codecs: list[Codec] = field(default_factory=list)
    rids: list[Rid] = field(default_factory=list)
    simulcast: Simulcast | None = None
    ssrcs: list[SsrcAttribute] = field(default_factory=list)
    ssrc_groups: list[SsrcGroup] = field(default_factory=list)
    rtcp_mux: bool = False
    rtcp_rsize: bool = False
    bundle_only: bool = False
    msid: str | None = None

    @property
    def rejected(self) -> bool:
        """Port 0 refuses a line, unless the line lives only inside a bundle (RFC 8843 section 6)."""
        return self.port == 0 and not self.bundle_only

    def ssrc_value(self, attribute: str) -> str | None:
        return next((line.value for line in self.ssrcs if line.attribute == attribute and line.value), None)

    @property
    def cname(self) -> str | None:
        return self.ssrc_value("cname")

    @property
    def stream_id(self) -> str | None:
        """From a=msid, else from a=ssrc msid; None when the sender names no stream ("-")."""
        identifiers = (self.msid or self.ssrc_value("msid") or "").split()
        return identifiers[0] if identifiers and identifiers[0] != "-" else None

    @property
    def track_id(self) -> str | None:
        identifiers = (self.msid or self.ssrc_value("msid") or "").split()
        return identifiers[1] if len(identifiers) > 1 else None


@dataclass(slots=True, kw_only=True)
class SessionDescription(Section):
    """A whole description. Times are (start, stop) as written: NTP seconds, or Unix seconds in GB/T 28181."""

    origin: Origin = field(default_factory=Origin)
    name: str = "-"
    times: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0)])
    groups: list[Group] = field(default_factory=list)
    media: list[MediaDescription] = field(default_factory=list)

    @property
    def bundle(self) -> tuple[str, ...] | None:
        """Mids of the first BUNDLE group, the tagged one first; None without such a group (RFC 8843)."""
        return next((group.mids for group in self.groups if group.semantics.upper() == "BUNDLE"), None)

    def direction_of(self, media: MediaDescription) -> Direction:
        """The line's direction, else the session's, else sendrecv (RFC 8866 section 6.7)."""
        return media.direction or self.direction or "sendrecv"

    def gb_ssrc_of(self, media: MediaDescription) -> str | None:
        """y= usually stands after the media line, sometimes before it."""
        return media.gb_ssrc or self.gb_ssrc
