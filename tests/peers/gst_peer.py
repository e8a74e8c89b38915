"""GStreamer's webrtcbin as a peer, run by Debian's Python (which has `gi`): a WHEP viewer and a WHIP publisher.

/usr/bin/python3 gst_peer.py view URL TOKEN        prints {"colour": [r, g, b]} of the newest picture, a line each
/usr/bin/python3 gst_peer.py publish URL TOKEN RRGGBB      publishes H.264 of one colour until it is ended
"""

from __future__ import annotations

import itertools
import json
import ssl
import sys
import urllib.request
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

_H264 = "application/x-rtp,media=video,encoding-name=H264,payload=102,clock-rate=90000,packetization-mode=(string)1"


class Connection:
    """One webrtcbin in a pipeline: offers when its candidates are gathered, takes the answer."""

    def __init__(self, url: str, token: str, pipeline: Gst.Pipeline, webrtc: Gst.Element) -> None:
        self._url = url
        self._token = token
        self._posted = False
        self.loop = GLib.MainLoop()
        self.pipeline = pipeline
        self.webrtc = webrtc
        # By itself it leaves the loopback out. Kept, because Python would free what it does not own.
        self._agent = webrtc.get_property("ice-agent")
        self._agent.emit("add-local-ip-address", "127.0.0.1")
        webrtc.connect("on-negotiation-needed", self._on_negotiation_needed)
        webrtc.connect("notify::ice-gathering-state", self._on_gathering)
        bus = pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message::error", self._on_error)

    def run(self) -> None:
        self.pipeline.set_state(Gst.State.PLAYING)
        self.loop.run()
        self.pipeline.set_state(Gst.State.NULL)

    def _on_error(self, _bus: Any, message: Any) -> None:
        print(message.parse_error(), file=sys.stderr)
        self.loop.quit()

    def _on_negotiation_needed(self, webrtc: Any) -> None:
        webrtc.emit("create-offer", None, Gst.Promise.new_with_change_func(self._on_offer))

    def _on_offer(self, promise: Any) -> None:
        # The description lives no longer than the reply that holds it.
        reply = promise.get_reply()
        self.webrtc.emit("set-local-description", reply.get_value("offer"), Gst.Promise.new())

    def _on_gathering(self, webrtc: Any, _property: Any) -> None:
        complete = webrtc.get_property("ice-gathering-state") == GstWebRTC.WebRTCICEGatheringState.COMPLETE
        if complete and not self._posted:
            self._posted = True
            GLib.idle_add(self._post)

    def _post(self) -> bool:
        offer = self.webrtc.get_property("local-description").sdp.as_text()
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/sdp"}
        request = urllib.request.Request(self._url, offer.encode(), headers, method="POST")
        tls = ssl.create_default_context()
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
        try:
            with urllib.request.urlopen(request, context=tls) as response:
                text = response.read()
        except OSError as error:
            print(error, getattr(error, "read", bytes)(), file=sys.stderr)
            self.loop.quit()
            return False
        _, message = GstSdp.SDPMessage.new_from_text(text.decode())
        answer = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, message)
        self.webrtc.emit("set-remote-description", answer, Gst.Promise.new())
        return False


def _make(name: str, **properties: object) -> Gst.Element:
    element = Gst.ElementFactory.make(name, None)
    assert element is not None, f"no GStreamer element {name}"
    for key, value in properties.items():
        element.set_property(key.replace("_", "-"), value)
    return element


def _link(pipeline: Gst.Pipeline, *elements: Gst.Element) -> None:
    for element in elements:
        pipeline.add(element)
    for left, right in itertools.pairwise(elements):
        assert left.link(right)


def _on_sample(sink: Any) -> Any:
    sample = sink.emit("pull-sample")
    size = sample.get_caps().get_structure(0)
    stride = (size.get_value("width") * 3 + 3) & ~3
    height = size.get_value("height")
    _, view = sample.get_buffer().map(Gst.MapFlags.READ)
    middle = height // 2 * stride + size.get_value("width") // 2 * 3
    print(json.dumps({"colour": list(view.data[middle : middle + 3])}), flush=True)
    sample.get_buffer().unmap(view)
    return Gst.FlowReturn.OK


def view(url: str, token: str) -> None:
    """Decode a source's H.264 picture."""
    pipeline = Gst.Pipeline.new(None)
    webrtc = _make("webrtcbin", bundle_policy=GstWebRTC.WebRTCBundlePolicy.MAX_BUNDLE)
    pipeline.add(webrtc)

    def on_pad(_webrtc: Any, pad: Any) -> None:
        caps = pad.get_current_caps() or pad.query_caps()
        if pad.direction != Gst.PadDirection.SRC or caps.get_structure(0).get_value("media") != "video":
            return
        sink = _make("appsink", emit_signals=True, sync=False, drop=True, max_buffers=1)
        sink.set_property("caps", Gst.Caps.from_string("video/x-raw,format=RGB"))
        sink.connect("new-sample", _on_sample)
        chain = [_make("rtph264depay"), _make("avdec_h264"), _make("videoconvert"), sink]
        _link(pipeline, *chain)
        for element in chain:
            element.sync_state_with_parent()
        pad.link(chain[0].get_static_pad("sink"))

    webrtc.connect("pad-added", on_pad)
    connection = Connection(url, token, pipeline, webrtc)
    receive = GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY
    webrtc.emit("add-transceiver", receive, Gst.Caps.from_string(f"{_H264},profile-level-id=(string)42e01f"))
    connection.run()


def publish(url: str, token: str, colour: str) -> None:
    """Publish H.264 of one colour."""
    pipeline = Gst.Pipeline.new(None)
    webrtc = _make("webrtcbin", bundle_policy=GstWebRTC.WebRTCBundlePolicy.MAX_BUNDLE)
    pipeline.add(webrtc)
    source = _make("videotestsrc", is_live=True, foreground_color=0xFF000000 | int(colour, 16))
    source.set_property("pattern", "solid-color")
    size = _make("capsfilter", caps=Gst.Caps.from_string("video/x-raw,width=320,height=240,framerate=15/1"))
    encoder = _make("x264enc", bitrate=300, key_int_max=30)
    encoder.set_property("tune", "zerolatency")
    encoder.set_property("speed-preset", "ultrafast")
    profile = _make("capsfilter", caps=Gst.Caps.from_string("video/x-h264,profile=constrained-baseline"))
    payloader = _make("rtph264pay", pt=102, config_interval=-1)
    payloader.set_property("aggregate-mode", "zero-latency")
    caps = _make("capsfilter", caps=Gst.Caps.from_string(_H264))
    _link(pipeline, source, size, _make("videoconvert"), encoder, profile, payloader, caps)
    assert caps.get_static_pad("src").link(webrtc.request_pad_simple("sink_%u")) == Gst.PadLinkReturn.OK
    webrtc.emit("get-transceiver", 0).set_property("direction", GstWebRTC.WebRTCRTPTransceiverDirection.SENDONLY)
    Connection(url, token, pipeline, webrtc).run()


if __name__ == "__main__":
    Gst.init(None)
    if sys.argv[1] == "view":
        view(*sys.argv[2:])
    else:
        publish(*sys.argv[2:])
