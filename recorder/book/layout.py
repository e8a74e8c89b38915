"""Where what lies below the recordings' root; a bundle is such a root with only its own parts.

tracks/TRACK/SEGMENT       one folder for each track; `.open` behind the name while it is written
sessions/SESSION/chain.jsonl
proof/ledger.jsonl         proof/leaves.jsonl      proof/nodes.bin (the server's)     proof/proofs.jsonl (a bundle's)
damaged/TRACK.SEGMENT      what a start could not read whole, as it was found; nothing rests on it
proof/keys/NAME.pem        private, never in a bundle
proof/deletions.reserve    room for the proof of deletions on a full disk (the server's)
proof/certificates/*.pem   of time stamp authorities
"""

from pathlib import Path

from recorder.proof import segments

CHAIN = "chain.jsonl"


class Layout:
    """The paths of one root."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.tracks = root / segments.TRACKS
        self.sessions = root / "sessions"
        self.proof = root / "proof"
        self.ledger = self.proof / "ledger.jsonl"
        self.leaves = self.proof / "leaves.jsonl"
        self.nodes = self.proof / "nodes.bin"
        self.proofs = self.proof / "proofs.jsonl"
        self.keys = self.proof / "keys"
        self.reserve = self.proof / "deletions.reserve"
        self.certificates = self.proof / "certificates"

    def chain(self, session: str) -> Path:
        """Give a session's chain; the name has been checked (`records.check_session`)."""
        return self.sessions / session / CHAIN
