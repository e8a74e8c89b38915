"""Every SRTP profile with a peer that knows no other one, beside a peer with AES-GCM on the same source."""

from __future__ import annotations

import aiortc.rtcdtlstransport as dtls
import pytest

from tests.peers.aiortc_ends import End, Publisher, Viewer
from tests.peers.server import Server

pytestmark = pytest.mark.asyncio(loop_scope="package")
PROFILES = {profile.openssl_profile.decode(): profile for profile in dtls.SRTP_PROFILES}


@pytest.mark.parametrize("name", sorted(PROFILES))
@pytest.mark.parametrize("whose", ["publisher", "viewer"])
async def test_peer_with_one_profile_only_is_served_in_it(server: Server, name: str, whose: str) -> None:
    source = f"profile-{whose}-{name}"
    publisher = Publisher(f"{server.url}/whip/{source}", server.token, "green", 700)
    viewer = Viewer(f"{server.url}/whep/{source}", server.token)
    peculiar: End = publisher if whose == "publisher" else viewer
    for transceiver in peculiar.connection.getTransceivers():
        transceiver.receiver.transport._srtp_profiles = [PROFILES[name]]
    async with publisher, viewer:
        await viewer.shows("green")
        await viewer.hears(700)
        assert peculiar.srtp_profile == name
