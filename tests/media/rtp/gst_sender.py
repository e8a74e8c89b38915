"""Runs a GStreamer pipeline and writes the RTP packets that it makes to stdout, each after its length (32 bits).

/usr/bin/python3 gst_sender.py PIPELINE
"""

import struct
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
from gi.repository import Gst, GstApp  # noqa: E402, F401


def main() -> None:
    Gst.init(None)
    pipeline = Gst.parse_launch(f"{sys.argv[1]} ! appsink name=packets sync=false max-buffers=0")
    sink = pipeline.get_by_name("packets")
    pipeline.set_state(Gst.State.PLAYING)
    while (sample := sink.pull_sample()) is not None:
        buffer = sample.get_buffer()
        packet = buffer.extract_dup(0, buffer.get_size())
        sys.stdout.buffer.write(struct.pack("!I", len(packet)) + packet)
    message = pipeline.get_bus().pop_filtered(Gst.MessageType.ERROR)
    pipeline.set_state(Gst.State.NULL)
    if message is not None:
        sys.exit(str(message.parse_error()))


main()
