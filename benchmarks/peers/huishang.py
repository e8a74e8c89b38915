"""Our own server as a peer: `huishang serve` with settings of its own, published to by WHIP, watched by WHEP."""

import http.client
import itertools
import json
import secrets
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path as FilePath
from typing import Any

from benchmarks.load.dial import Identity, Negotiated, dial
from benchmarks.load.framed import FramedSocket
from benchmarks.load.path import Path
from benchmarks.peers.model import PeerError, Publication, Track, at_once, end, free_pair, free_port, start, wait_until
from benchmarks.shapes import Kind
from signaling.client.session import remote_parameters
from signaling.ice.types import Credentials
from signaling.sdp.accepted import Accepted, AcceptedMedia
from signaling.sdp.extensions import AUDIO_LEVEL, MID, TRANSPORT_CC
from signaling.sdp.model import SessionDescription
from signaling.sdp.offer import PublishTrack, offer_codecs, publish_offer, read_answer, view_offer
from signaling.sdp.parse import parse
from signaling.sdp.write import write

HTTP_TIMEOUT_S = 20.0
FIRST_SSRC = 0x50000000
# What the load writes into the packets it sends; a viewer offers all that a browser does.
SENT_EXTENSIONS = {"audio": (MID, AUDIO_LEVEL, TRANSPORT_CC), "video": (MID, TRANSPORT_CC)}
VIEWED_VIDEO = ("H264", "VP8", "VP9", "AV1")

SETTINGS = """
[server]
data_dir = "{folder}"
[http]
host = "127.0.0.1"
port = {http_port}
tls = {tls}
[media]
port = {media_port}
threads = {threads}
advertised_addresses = ["127.0.0.1"]
[log]
level = "warning"
"""
TOKENS = """
[[token]]
name = "load"
secret = "{secret}"
verbs = ["publish", "watch"]
"""


class Huishang:
    """A running node. `module` is what is started: the command line, or a benchmark's wrapper around it."""

    name = "huishang"

    def __init__(
        self,
        *,
        threads: int = 1,
        tls: bool = False,
        module: str = "huishang",
        folder: FilePath | None = None,
        prepare: Callable[[FilePath], object] = lambda settings: None,
    ) -> None:
        """Start it, with `folder` for its data (None: one that goes with it), once `prepare(settings)` has been there.

        Raises:
            PeerError: it does not start.
        """
        self._identity = Identity.generate()
        self.token = secrets.token_urlsafe(24)
        """May publish and watch everything."""
        self.port = free_port(socket.SOCK_STREAM)
        self.media_port = free_pair()
        """Of both UDP and TCP."""
        self._tls = tls
        self._kinds: dict[str, list[Kind]] = {}
        self._ssrcs = itertools.count(FIRST_SSRC)
        self._stack = ExitStack()
        if folder is None:
            folder = FilePath(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="huishang-")))
        self.data_dir = folder
        self._log = self._stack.enter_context((folder / "log").open("w+b"))
        (folder / "tokens.toml").write_text(TOKENS.format(secret=self.token))
        self.settings_path = settings = folder / "huishang.toml"
        settings.write_text(
            SETTINGS.format(
                folder=folder,
                http_port=self.port,
                media_port=self.media_port,
                threads=threads,
                tls=str(tls).lower(),
            )
        )
        prepare(settings)
        self._argv = [sys.executable, "-m", module, "serve", "--config", str(settings)]
        self._stack.callback(lambda: end(self._process))
        self.start_s = 0.0
        """From the start of its process until it answered."""
        try:
            self.begin()
        except PeerError as error:
            self._log.seek(0)
            told = self._log.read().decode(errors="replace")[-2000:]
            self._stack.close()
            raise PeerError(f"{error}: {told}") from None

    def begin(self) -> None:
        """Start it, after it was ended too, with the same data and ports. Raises PeerError."""
        began = time.monotonic()
        self._process = start(self._argv, stdout=subprocess.DEVNULL, stderr=self._log)
        wait_until(self._serves, self._process, "huishang")
        self.start_s = time.monotonic() - began

    def end(self) -> None:
        """Ask it to end, and wait."""
        end(self._process)

    def kill(self) -> None:
        """Take its process away (kill -9)."""
        self._process.kill()
        self._process.wait()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def url(self) -> str:
        """Origin of the server's pages."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def publish(self, source: str, kinds: Sequence[Kind]) -> Publication:
        """Publish by WHIP: all tracks over one transport."""
        tracks = published_tracks(kinds, self._ssrcs)
        credentials, transport = self._identity.transport()
        offer = publish_offer(tracks, transport, extensions=SENT_EXTENSIONS)
        accepted = self._exchange(f"/whip/{source}", offer)
        path = dial(remote_parameters(accepted.remote), credentials, self._identity, negotiated(accepted))
        self._kinds[source] = list(kinds)
        return Publication(source, path, tuple(map(track_of, tracks, accepted.media)))

    def watch(self, source: str, count: int) -> list[Path]:
        """Watch by WHEP, so many times."""
        return at_once(lambda _: self.watch_once(source), count)

    def watch_once(self, source: str, *, tcp: bool = False) -> Path:
        """One more viewer, over TCP alone if `tcp`; may be called from several threads."""
        credentials, accepted = self.ask_to_watch(source)
        remote = remote_parameters(accepted.remote)
        made = FramedSocket(remote.candidates[0], self.media_port) if tcp else None
        return dial(remote, credentials, self._identity, negotiated(accepted), made)

    def ask_to_watch(self, source: str) -> tuple[Credentials, Accepted]:
        """Only the offer and the answer of a viewer: a session that waits for its first connectivity check."""
        credentials, transport = self._identity.transport()
        offer = view_offer(self._kinds[source], transport, video=VIEWED_VIDEO, audio=("opus",))
        return credentials, self._exchange(f"/whep/{source}", offer)

    def sources(self) -> list[dict[str, Any]]:
        """What the server says of its sources."""
        listed: list[dict[str, Any]] = json.loads(self._request("GET", "/api/v1/sources", b"")[1])["sources"]
        return listed

    def close(self) -> None:
        self._stack.close()

    def _serves(self) -> bool:
        try:
            return self._request("GET", "/healthz", b"")[0] == 200
        except OSError:
            return False

    def _exchange(self, path: str, offer: SessionDescription) -> Accepted:
        status, body = self._request("POST", path, write(offer).encode())
        if status != 201:
            raise PeerError(f"{path}: {status} {body[:300].decode(errors='replace')}")
        return read_answer(parse(body), offer)

    def _request(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        connection: http.client.HTTPConnection
        if self._tls:
            # The authority is the node's own, made a moment ago for the machine's names.
            context = ssl._create_unverified_context()
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=HTTP_TIMEOUT_S, context=context)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=HTTP_TIMEOUT_S)
        try:
            headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/sdp"}
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


def negotiated(accepted: Accepted) -> Negotiated:
    """Extension id and payload types as answered."""
    return Negotiated(
        transport_cc_id=next(
            (line.extensions[TRANSPORT_CC] for line in accepted.media if TRANSPORT_CC in line.extensions), 0
        ),
        audio_payload_types=frozenset(
            codec.codec.payload_type for line in accepted.media if line.kind == "audio" for codec in line.codecs
        ),
    )


def published_tracks(kinds: Sequence[Kind], ssrcs: Iterator[int]) -> list[PublishTrack]:
    """What the load publishes: H.264 and Opus."""
    codec = {"video": "H264", "audio": "opus"}
    return [PublishTrack(kind, offer_codecs(kind, [codec[kind]]), "load", kind, "load", next(ssrcs)) for kind in kinds]


def track_of(asked: PublishTrack, line: AcceptedMedia) -> Track:
    """What was agreed on for one of them. Raises PeerError."""
    if line.rejected or asked.ssrc is None:
        raise PeerError(f"{asked.kind} was refused")
    return Track(asked.kind, asked.ssrc, line.codecs[0].codec.payload_type, line.extensions.get(AUDIO_LEVEL, 0))
