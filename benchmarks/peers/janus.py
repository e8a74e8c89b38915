"""Debian's Janus as a peer: its HTTP interface, and a streaming mountpoint fed with plain RTP and watched through it.

As Debian ships it, with a thread for each viewer, or with static event loops, which need less than half the time
here; both are measured, and the issue's limits are of the first. It gets what else makes it quick: no plugin or
transport beside the two that are needed, no log, AES-128-GCM.
"""

import json
import shutil
import socket
import subprocess
import tempfile
import threading
import urllib.request
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from http.client import HTTPException
from pathlib import Path as FilePath
from queue import Empty, SimpleQueue
from typing import Any
from urllib.error import URLError

from benchmarks.load.dial import Identity, Negotiated, bound, dial
from benchmarks.load.path import Path, connected
from benchmarks.peers.model import PeerError, Publication, Track, at_once, end, free_port, start, wait_until
from benchmarks.shapes import Kind
from signaling.client.session import remote_parameters
from signaling.sdp.extensions import TRANSPORT_CC
from signaling.sdp.model import SessionDescription
from signaling.sdp.parse import parse
from signaling.sdp.transport import LocalTransport, bundled, read_remote, write_local
from signaling.sdp.write import write

EVENT_DEADLINE_S = 10.0
LIBRARY = FilePath("/usr/lib/x86_64-linux-gnu/janus")
HTTP_TRANSPORT = "libjanus_http.so"

GENERAL = """
general: {{
  configs_folder = "{folder}"; plugins_folder = "{plugins}"; transports_folder = "{transports}";
  events_folder = "{folder}/none"; loggers_folder = "{folder}/none"; interface = "127.0.0.1";
  debug_level = 1; session_timeout = 0; event_loops = {event_loops};
}}
nat: {{ ice_lite = false; full_trickle = false; ipv6 = false }}
plugins: {{ disable = "{unneeded_plugins}" }}
transports: {{ disable = "{unneeded_transports}" }}
events: {{ broadcast = false }}
"""
HTTP = """
general: {{ json = "compact"; base_path = "/janus"; http = true; port = {port}; ip = "127.0.0.1"; https = false }}
admin: {{ admin_http = false }}
"""
MOUNTPOINT = """
{name}: {{
  type = "rtp"; id = {number};
  media = ({{ type = "{kind}"; mid = "m"; iface = "127.0.0.1"; port = {port}; pt = {payload_type}; {codec} }})
}}
"""
CODECS = {
    "video": 'codec = "h264"; fmtp = "packetization-mode=1;profile-level-id=42e01f"',
    "audio": 'codec = "opus"',
}
TYPES = {"video": 102, "audio": 111}


def available() -> bool:
    """Whether Janus is installed."""
    return shutil.which("janus") is not None and LIBRARY.is_dir()


class Janus:
    """A running Janus with one plugin, and one mountpoint for each of the sources it was started with."""

    name = "janus"

    def __init__(self, sources: dict[str, Kind], event_loops: int = 0, plugin: str = "streaming") -> None:
        """Start it; `sources` gives each source's kind; 0 event loops are a thread for each viewer.

        Raises:
            PeerError: it does not start.
        """
        self._sources = {
            name: (number, kind, free_port(socket.SOCK_DGRAM)) for number, (name, kind) in enumerate(sources.items(), 1)
        }
        self._plugin = plugin
        self.identity = Identity.generate()
        """Of all who connect to it."""
        self._port = free_port(socket.SOCK_STREAM)
        self._stack = ExitStack()
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="janus-"))
        self._write(FilePath(folder), event_loops)
        self._process = start(["janus", "-F", folder], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder)
        self._stack.callback(end, self._process)
        self._answers: dict[int, SimpleQueue[dict[str, Any]]] = {}
        self._closing = False
        try:
            wait_until(self._serves, self._process, "janus")
            self._session = self._ask("", {"janus": "create"})["data"]["id"]
        except BaseException:
            self._stack.close()
            raise
        self._poller = threading.Thread(target=self._poll, daemon=True)
        self._poller.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def publish(self, source: str, kinds: Sequence[Kind]) -> Publication:
        """Mountpoints need no announcement; plain RTP goes to their port."""
        _, kind, port = self._sources[source]
        if list(kinds) != [kind]:
            raise PeerError(f"mountpoint {source} is of kind {kind}")
        path = Path(connected(("127.0.0.1", port)))
        path.prepare()
        return Publication(source, path, (Track(kind, ssrc=0x4A000001, payload_type=TYPES[kind]),))

    def watch(self, source: str, count: int) -> list[Path]:
        return at_once(lambda _: self._watch(source), count)

    def close(self) -> None:
        self._closing = True
        self._stack.close()

    def _write(self, folder: FilePath, event_loops: int) -> None:
        plugins, transports = LIBRARY / "plugins", LIBRARY / "transports"
        needed = {f"libjanus_{self._plugin}.so", HTTP_TRANSPORT}
        (folder / "janus.jcfg").write_text(
            GENERAL.format(
                folder=folder,
                plugins=plugins,
                transports=transports,
                event_loops=event_loops,
                unneeded_plugins=_unneeded(plugins, needed),
                unneeded_transports=_unneeded(transports, needed),
            )
        )
        (folder / "janus.transport.http.jcfg").write_text(HTTP.format(port=self._port))
        (folder / "janus.plugin.streaming.jcfg").write_text(
            "".join(
                MOUNTPOINT.format(
                    name=name, number=number, kind=kind, port=port, payload_type=TYPES[kind], codec=CODECS[kind]
                )
                for name, (number, kind, port) in self._sources.items()
            )
        )

    def _serves(self) -> bool:
        with suppress(URLError, ConnectionError):
            return bool(self._ask("/info", None))
        return False

    def _ask(self, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        data = None if body is None else json.dumps({"transaction": "load", **body}).encode()
        url = f"http://127.0.0.1:{self._port}/janus{path}"
        with urllib.request.urlopen(url, data, timeout=EVENT_DEADLINE_S * 6) as reply:
            answer: dict[str, Any] = json.load(reply)
        if answer["janus"] == "error":
            raise PeerError(f"janus: {answer['error']}")
        return answer

    def _poll(self) -> None:
        """Fetch events and give each to the handle that waits for it."""
        while not self._closing:
            try:
                url = f"http://127.0.0.1:{self._port}/janus/{self._session}?maxev=20"
                with urllib.request.urlopen(url, timeout=60) as reply:
                    events = json.load(reply)
            except (OSError, HTTPException):
                return
            for event in events if isinstance(events, list) else [events]:
                if event.get("janus") == "event" and event["sender"] in self._answers:
                    self._answers[event["sender"]].put(event)

    def attach(self) -> int:
        """Make a handle of the plugin. Raises PeerError."""
        handle: int = self._ask(f"/{self._session}", {"janus": "attach", "plugin": f"janus.plugin.{self._plugin}"})[
            "data"
        ]["id"]
        self._answers[handle] = SimpleQueue()
        return handle

    def message(self, handle: int, body: dict[str, Any], jsep: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send a message; return its answer, or the event that follows where it has none. Raises PeerError."""
        more = {"jsep": jsep} if jsep else {}
        reply = self._ask(f"/{self._session}/{handle}", {"janus": "message", "body": body, **more})
        return reply if reply["janus"] == "success" else self._event(self._answers[handle])

    def detach(self, handle: int) -> None:
        """End a handle and its connection. Raises PeerError."""
        self._ask(f"/{self._session}/{handle}", {"janus": "detach"})
        del self._answers[handle]

    def _watch(self, source: str) -> Path:
        """Attach a handle, take its offer, answer and connect."""
        number, _, _ = self._sources[source]
        handle = self.attach()
        offered = parse(self.message(handle, {"request": "watch", "id": number})["jsep"]["sdp"])
        remote = remote_parameters(read_remote(offered, bundled(offered)))
        credentials, transport = self.identity.transport()
        made = bound(remote)
        jsep = {"type": "answer", "sdp": write(answer(offered, transport))}
        self.message(handle, {"request": "start"}, jsep)
        return dial(remote, credentials, self.identity, negotiated(offered), made)

    def _event(self, events: "SimpleQueue[dict[str, Any]]") -> dict[str, Any]:
        try:
            event = events.get(timeout=EVENT_DEADLINE_S)
        except Empty:
            raise PeerError("janus does not answer") from None
        if "error" in event["plugindata"]["data"]:
            raise PeerError(f"janus: {event['plugindata']['data']['error']}")
        return event


def answer(offered: SessionDescription, transport: LocalTransport) -> SessionDescription:
    """An answer that receives all that is offered, with every format and extension of the offer."""
    answered = SessionDescription(groups=offered.groups, media=offered.media)
    for index, line in enumerate(answered.media):
        line.direction = "recvonly"
        line.ssrcs, line.ssrc_groups, line.candidates, line.msid = [], [], [], None
        write_local(line, transport, "active", tagged=index == 0)
    return answered


def negotiated(description: SessionDescription) -> Negotiated:
    """Extension id and payload types as the description has them."""
    return Negotiated(
        transport_cc_id=next(
            (ext.id for line in description.media for ext in line.extensions if ext.uri == TRANSPORT_CC), 0
        ),
        audio_payload_types=frozenset(
            codec.payload_type for line in description.media if line.kind == "audio" for codec in line.codecs
        ),
    )


def _unneeded(folder: FilePath, needed: set[str]) -> str:
    return ",".join(sorted(file.name for file in folder.glob("*.so") if file.name not in needed))
