"""A peer that is no browser on one connection: it publishes, and later takes back what it publishes."""

from __future__ import annotations

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from av import VideoFrame

from signaling.webrtc.lines import Line, ReceiveLine, SendLine
from tests.patience import until
from tests.peers import colour
from tests.peers.aiortc_ends import ColourTrack, loopback_only
from tests.signaling.node import Node, running_node

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def offered(node: Node, peer: RTCPeerConnection, connection: str, lines: list[Line]) -> str:
    """Offer what the peer has now; give the connection."""
    await peer.setLocalDescription(await peer.createOffer())
    offer = peer.localDescription.sdp.encode()
    connections = node.exchange.connections
    answer = connections.offer(connection, offer, lines) if connection else connections.open("aiortc", offer, lines)
    await peer.setRemoteDescription(RTCSessionDescription(answer.sdp, "answer"))
    return answer.connection


async def test_aiortc_publishes_and_takes_on_one_connection() -> None:
    loopback_only()
    async with running_node() as node:
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        try:
            sent = peer.addTransceiver(ColourTrack("green"), direction="sendonly")
            await peer.setLocalDescription(await peer.createOffer())
            publish = SendLine(sent.mid or "", "video", "own")
            connection = await offered(node, peer, "", [publish])
            await until("a live source", lambda: node.exchange.registry.get("own").state, "live".__eq__)
            taken = peer.addTransceiver("video", direction="recvonly")
            await peer.setLocalDescription(await peer.createOffer())
            take = ReceiveLine(taken.mid or "", "video", "own")
            assert await offered(node, peer, connection, [publish, take]) == connection

            async def shown() -> str | None:
                frame = await taken.receiver.track.recv()
                assert isinstance(frame, VideoFrame)
                return colour.of_frame(frame)

            await until("its own colour", shown, lambda got: got == "green")
            counted = node.exchange.connections.statistics(connection)
            assert (len(counted.sending), len(counted.receiving)) == (1, 1)
            assert counted.sending[0].packets and counted.receiving[0].packets
        finally:
            await peer.close()
