"""A TURN server beside ours, as README describes it, on loopback and free ports."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from huishang.authority import Names, create_authority, issue
from tests.house.tree import ROOT
from tests.patience import PATIENCE_S, wait_until
from tests.ports import free_ports

SECRET: Final = "known-to-the-two-servers-only"
_RELAYS: Final = 40


@dataclass(frozen=True, slots=True)
class Coturn:
    """Its ports; `urls` by how one reaches it."""

    port: int
    tls_port: int
    relays: range
    log_path: Path

    @property
    def urls(self) -> dict[str, str]:
        host = "127.0.0.1"
        return {
            "udp": f"turn:{host}:{self.port}?transport=udp",
            "tcp": f"turn:{host}:{self.port}?transport=tcp",
            "tls": f"turns:{host}:{self.tls_port}?transport=tcp",
        }

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace")


@contextmanager
def coturn(folder: Path) -> Iterator[Coturn]:
    """Run it, with a certificate made for it."""
    port, relays = free_ports(2), free_ports(_RELAYS)
    known = Coturn(port, port + 1, range(relays, relays + _RELAYS), folder / "coturn.log")
    chain, key = _certificate(folder)
    ours = {
        "listening-port": known.port,
        "tls-listening-port": known.tls_port,
        "static-auth-secret": SECRET,
        "cert": chain,
        "pkey": key,
        "allowed-peer-ip": "127.0.0.1",
    }
    # What README does not need: loopback, ports and files of the test's own, and words of what it refuses.
    more = {
        "listening-ip": "127.0.0.1",
        "relay-ip": "127.0.0.1",
        "min-port": known.relays[0],
        "max-port": known.relays[-1],
        "userdb": folder / "turn.db",
        "pidfile": folder / "turn.pid",
        "log-file": "stdout",
        "relay-threads": 1,
    }
    lines = [f"{name}={ours.pop(name)}" if name in ours else line for line, name in _of_readme()]
    assert not ours, f"README sets no {list(ours)}"
    lines += [*(f"{name}={value}" for name, value in more.items()), "allow-loopback-peers", "verbose"]
    settings = folder / "turnserver.conf"
    settings.write_text("\n".join(lines) + "\n")
    with known.log_path.open("wb") as log:
        process = subprocess.Popen(
            ["turnserver", "-c", str(settings)], cwd=folder, env=os.environ, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        wait_until(lambda: process.poll() is not None or _listens(known.tls_port), "coturn listens")
        assert process.poll() is None, f"coturn ended at its start:\n{known.log}"
        yield known
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def _of_readme() -> list[tuple[str, str]]:
    """Return the lines of the configuration that README gives, each with its key."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(r"```\n( *listening-port=.*?)```", text, re.DOTALL)
    assert found, "README has no configuration of coturn"
    return [(line.strip(), line.strip().partition("=")[0]) for line in found[1].strip().splitlines()]


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def _certificate(folder: Path) -> tuple[Path, Path]:
    now = datetime.now(UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    names = Names(("localhost",), (ip_address("127.0.0.1"),))
    issued = issue(create_authority("turn", now), key.public_key(), names, now)
    chain, private = folder / "turn.pem", folder / "turn.key"
    chain.write_bytes(issued.public_bytes(Encoding.PEM))
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return chain, private
