"""SessionDescription to text with CRLF, in the order of RFC 8866 section 5, such that parse(write(x)) == x.

Does not check what it is given: text that the caller puts into a description must not hold line ends (`write`
asserts it).
"""

from __future__ import annotations

from collections.abc import Iterator

from signaling.sdp.model import (
    Candidate,
    Codec,
    MediaDescription,
    Section,
    SessionDescription,
    SimulcastStreams,
)
from signaling.sdp.parse import GB_LINES, HEAD_LINES


def write(description: SessionDescription) -> str:
    """The description as text, each line ended by CRLF."""
    return join(_session(description))


def join(lines: Iterator[str]) -> str:
    """Lines to text. A line end inside a line would let one peer's text become another's attributes."""
    collected = list(lines)
    assert not any("\r" in line or "\n" in line for line in collected), "a line end inside an SDP value"
    return "".join(line + "\r\n" for line in collected)


def _session(description: SessionDescription) -> Iterator[str]:
    origin = description.origin
    yield "v=0"
    yield (
        f"o={origin.username} {origin.session_id} {origin.version}"
        f" {origin.network} {origin.address_type} {origin.address}"
    )
    yield f"s={description.name}"
    yield from _head(description)
    for start, stop in description.times:
        yield f"t={start} {stop}"
    yield from _tail(description)
    for group in description.groups:
        yield "a=group:" + " ".join((group.semantics, *group.mids))
    yield from section_attributes(description)
    yield from _free_attributes(description)
    for media in description.media:
        yield from _media(media)


def _media(media: MediaDescription) -> Iterator[str]:
    yield media_line(media)
    yield from _head(media)
    yield from _tail(media)
    if media.mid is not None:
        yield f"a=mid:{media.mid}"
    yield from section_attributes(media)
    for flag in ("bundle-only", "rtcp-mux", "rtcp-rsize"):
        if getattr(media, flag.replace("-", "_")):
            yield f"a={flag}"
    if media.msid is not None:
        yield f"a=msid:{media.msid}"
    for codec in media.codecs:
        yield from _codec(codec)
    for rid in media.rids:
        parameters = ["pt=" + ",".join(map(str, rid.payload_types))] if rid.payload_types else []
        parameters += [_parameter(*pair) for pair in rid.restrictions]
        yield f"a=rid:{rid.rid} {rid.direction} {';'.join(parameters)}".rstrip()
    if media.simulcast is not None:
        lists = (("send", media.simulcast.send), ("recv", media.simulcast.recv))
        yield "a=simulcast:" + " ".join(f"{word} {_streams(streams)}" for word, streams in lists if streams)
    for group in media.ssrc_groups:
        yield "a=ssrc-group:" + " ".join((group.semantics, *map(str, group.ssrcs)))
    for line in media.ssrcs:
        value = "" if line.value is None else f":{line.value}"
        yield f"a=ssrc:{line.ssrc} {line.attribute}{value}".rstrip()
    yield from _free_attributes(media)


def media_line(media: MediaDescription) -> str:
    port = str(media.port) if media.port_count == 1 else f"{media.port}/{media.port_count}"
    return "m=" + " ".join((media.kind, port, media.profile, *media.formats))


def _head(section: Section) -> Iterator[str]:
    yield from (f"{letter}={value}" for letter, value in section.lines if letter in HEAD_LINES)
    if section.connection is not None:
        yield f"c={section.connection.network} {section.connection.address_type} {section.connection.address}"
    for bandwidth in section.bandwidths:
        yield f"b={bandwidth.kind}:{bandwidth.value}"


def _tail(section: Section) -> Iterator[str]:
    yield from (f"{letter}={value}" for letter, value in section.lines if letter not in HEAD_LINES + GB_LINES)


def section_attributes(section: Section) -> Iterator[str]:
    """The attributes that stand at either level, transport first."""
    if section.ice_lite:
        yield "a=ice-lite"
    if section.ice_options:
        yield "a=ice-options:" + " ".join(section.ice_options)
    if section.extmap_allow_mixed:
        yield "a=extmap-allow-mixed"
    if section.ice_ufrag is not None:
        yield f"a=ice-ufrag:{section.ice_ufrag}"
    if section.ice_pwd is not None:
        yield f"a=ice-pwd:{section.ice_pwd}"
    for fingerprint in section.fingerprints:
        yield f"a=fingerprint:{fingerprint.algorithm} {fingerprint.value}"
    if section.setup is not None:
        yield f"a=setup:{section.setup}"
    for candidate in section.candidates:
        yield "a=candidate:" + write_candidate(candidate)
    if section.end_of_candidates:
        yield "a=end-of-candidates"
    for extension in section.extensions:
        direction = f"/{extension.direction}" if extension.direction else ""
        yield f"a=extmap:{extension.id}{direction} {extension.uri} {extension.attributes}".rstrip()
    if section.direction is not None:
        yield f"a={section.direction}"


def _free_attributes(section: Section) -> Iterator[str]:
    for key, value in section.attributes:
        yield f"a={key}" if value is None else f"a={key}:{value}"
    if section.gb_ssrc is not None:
        yield f"y={section.gb_ssrc}"
    if section.gb_format is not None:
        yield f"f={section.gb_format}"
    yield from (f"{letter}={value}" for letter, value in section.lines if letter in GB_LINES)


def _codec(codec: Codec) -> Iterator[str]:
    channels = f"/{codec.channels}" if codec.channels != 1 else ""
    yield f"a=rtpmap:{codec.payload_type} {codec.encoding}/{codec.clock_rate}{channels}"
    for kind, parameter in codec.feedback:
        yield f"a=rtcp-fb:{codec.payload_type} {kind} {parameter}".rstrip()
    if codec.fmtp:
        yield f"a=fmtp:{codec.payload_type} {write_fmtp(codec.fmtp)}"


def write_fmtp(parameters: dict[str, str]) -> str:
    return ";".join(_parameter(key, value) for key, value in parameters.items())


def _parameter(key: str, value: str) -> str:
    return f"{key}={value}" if value else key


def write_candidate(candidate: Candidate) -> str:
    """The value of a=candidate (RFC 8839 section 5.1), without the attribute's name."""
    words = [
        candidate.foundation, str(candidate.component), candidate.transport, str(candidate.priority),
        candidate.address, str(candidate.port), "typ", candidate.type,
    ]  # fmt: skip
    if candidate.related_address is not None:
        words += ["raddr", candidate.related_address]
    if candidate.related_port is not None:
        words += ["rport", str(candidate.related_port)]
    if candidate.tcp_type is not None:
        words += ["tcptype", candidate.tcp_type]
    for key, value in candidate.extensions:
        words += [key, value]
    return " ".join(words)


def _streams(streams: SimulcastStreams) -> str:
    return ";".join(",".join(("~" if rid.paused else "") + rid.rid for rid in stream) for stream in streams)
