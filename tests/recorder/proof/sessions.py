"""A recorded session as small as can be, with everything that a chain can hold, and files of its segments."""

from dataclasses import dataclass, field

import msgspec

from recorder.proof.chain import Chain
from recorder.proof.digests import SHA256_ONLY, Algorithm, Running
from recorder.proof.ledger import Ledger
from recorder.proof.signing import Ed25519Signer, Signer, name_of

BEGIN = 1_700_000_000_000_000
SECOND = 1_000_000
SESSION = "01HF00000000000000000000AA"
OLD, NEW = Ed25519Signer.generate(), Ed25519Signer.generate()
SIGNERS: dict[str, Signer] = {name_of(OLD): OLD, name_of(NEW): NEW}


@dataclass(slots=True)
class Recording:
    """One session's chain and files."""

    session: str = SESSION
    lines: list[bytes] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)

    @property
    def text(self) -> bytes:
        return b"".join(self.lines)


def file_digest(data: bytes, algorithms: tuple[Algorithm, ...]) -> dict[str, str]:
    running = Running(algorithms)
    running.update(data)
    found: dict[str, str] = msgspec.to_builtins(running.finish())
    return found


def ledger_lines() -> tuple[Ledger, list[bytes]]:
    """A ledger whose key has been rotated once; `NEW` signs now."""
    ledger = Ledger(OLD)
    return ledger, [ledger.first_key(BEGIN), ledger.rotate(NEW, BEGIN + 9 * SECOND)]


def record(
    session: str = SESSION,
    algorithms: tuple[Algorithm, ...] = SHA256_ONLY,
    segments: int = 4,
    *,
    closed: bool = True,
    keys: tuple[Ed25519Signer, Ed25519Signer] = (OLD, NEW),
) -> Recording:
    """Record two tracks by turns; the third segment is deleted by policy afterwards."""
    made = Recording(session)
    chain = Chain(session, keys[0], algorithms)
    made.lines.append(chain.append("opening", {"at": BEGIN, "node": "n1"}))
    for number in range(segments):
        start = BEGIN + number * 5 * SECOND
        name, data = f"tracks/t{number % 2}{session}/{number}.mp4", f"media {session} {number}".encode() * 50
        made.files[name] = data
        digest = file_digest(data, algorithms)
        content = {"track": f"t{number % 2}{session}", "file": name, "start": start, "end": start + 5 * SECOND}
        made.lines.append(chain.append("segment", content | {"bytes": len(data), "digest": digest}))
        made.lines.append(chain.append("event", {"at": start, "verb": "sound.off", "object": f"participant:{number}"}))
        made.lines.append(chain.head(start + 5 * SECOND))
        if number == 1:
            made.lines.append(chain.rotate(keys[1], start + 5 * SECOND))
    end = BEGIN + segments * 5 * SECOND
    if closed:
        made.lines.append(chain.append("closure", {"at": end}))
        made.lines.append(chain.head(end))
        deleted = 8  # opening, two groups of three, rotation: the third segment
        made.lines.append(chain.append("deletion", {"at": end + SECOND, "policy": "30 days", "records": [deleted]}))
        made.lines.append(chain.head(end + SECOND))
        del made.files[f"tracks/t0{session}/2.mp4"]
    return made
