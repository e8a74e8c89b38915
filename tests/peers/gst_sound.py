"""GStreamer's webrtcbin with sound, run by Debian's Python as gst_peer.py is, which has the pictures.

/usr/bin/python3 -m tests.peers.gst_sound view URL TOKEN          prints the loudest frequency twice a second
/usr/bin/python3 -m tests.peers.gst_sound publish URL TOKEN HZ    publishes Opus of one tone until it is ended
"""

from __future__ import annotations

import array
import math
import sys
from typing import Any

import gi

from tests.peers.gst_peer import Connection, _link, _make

gi.require_version("Gst", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import Gst, GstWebRTC  # noqa: E402

_OPUS = "application/x-rtp,media=audio,encoding-name=OPUS,payload=111,clock-rate=48000,encoding-params=(string)2"
_RATE_HZ = 48_000
_SAMPLES = _RATE_HZ // 2


def loudest_hz(samples: array.array[int]) -> float:
    """Return the frequency of a tone by its passages through zero; 0 for silence."""
    if max(samples) < 300:
        return 0.0
    rises = [at for at in range(1, len(samples)) if samples[at - 1] < 0 <= samples[at]]
    return (len(rises) - 1) * _RATE_HZ / (rises[-1] - rises[0]) if len(rises) > 1 else math.nan


def view(url: str, token: str) -> None:
    """Decode a source's sound."""
    pipeline = Gst.Pipeline.new(None)
    webrtc = _make("webrtcbin", bundle_policy=GstWebRTC.WebRTCBundlePolicy.MAX_BUNDLE)
    pipeline.add(webrtc)
    heard: array.array[int] = array.array("h")

    def on_sample(sink: Any) -> Any:
        sample = sink.emit("pull-sample")
        _, mapped = sample.get_buffer().map(Gst.MapFlags.READ)
        heard.frombytes(bytes(mapped.data))
        sample.get_buffer().unmap(mapped)
        if len(heard) >= _SAMPLES:
            print(loudest_hz(heard), flush=True)
            del heard[:]
        return Gst.FlowReturn.OK

    def on_pad(_webrtc: Any, pad: Any) -> None:
        caps = pad.get_current_caps() or pad.query_caps()
        if pad.direction != Gst.PadDirection.SRC or caps.get_structure(0).get_value("media") != "audio":
            return
        sink = _make("appsink", emit_signals=True, sync=False)
        sink.set_property("caps", Gst.Caps.from_string(f"audio/x-raw,format=S16LE,channels=1,rate={_RATE_HZ}"))
        sink.connect("new-sample", on_sample)
        chain = [_make(name) for name in ("rtpopusdepay", "opusdec", "audioconvert", "audioresample")] + [sink]
        _link(pipeline, *chain)
        for element in chain:
            element.sync_state_with_parent()
        pad.link(chain[0].get_static_pad("sink"))

    webrtc.connect("pad-added", on_pad)
    connection = Connection(url, token, pipeline, webrtc)
    webrtc.emit("add-transceiver", GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY, Gst.Caps.from_string(_OPUS))
    connection.run()


def publish(url: str, token: str, frequency_hz: str) -> None:
    """Publish Opus of one tone."""
    pipeline = Gst.Pipeline.new(None)
    webrtc = _make("webrtcbin", bundle_policy=GstWebRTC.WebRTCBundlePolicy.MAX_BUNDLE)
    pipeline.add(webrtc)
    source = _make("audiotestsrc", is_live=True, freq=float(frequency_hz))
    caps = _make("capsfilter", caps=Gst.Caps.from_string(_OPUS))
    chain = [source, _make("audioconvert"), _make("audioresample"), _make("opusenc"), _make("rtpopuspay", pt=111), caps]
    _link(pipeline, *chain)
    assert caps.get_static_pad("src").link(webrtc.request_pad_simple("sink_%u")) == Gst.PadLinkReturn.OK
    webrtc.emit("get-transceiver", 0).set_property("direction", GstWebRTC.WebRTCRTPTransceiverDirection.SENDONLY)
    Connection(url, token, pipeline, webrtc).run()


if __name__ == "__main__":
    Gst.init(None)
    if sys.argv[1] == "view":
        view(*sys.argv[2:])
    else:
        publish(*sys.argv[2:])
