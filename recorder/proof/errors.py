"""Why the cores of the proof refuse. Verification raises none of these: what it finds is data (`findings`)."""


class ProofError(Exception):
    """Base of them all."""


class NotCanonical(ProofError):
    """A value without a canonical form, or bytes that are not the canonical form of what they say."""


class NotARecord(ProofError):
    """Canonical, but not a line of the file that it stands in."""


class ChainDamaged(ProofError):
    """A chain that is not what was written cannot be gone on with; `line` is the first bad one, from 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line


class ProofRefused(ProofError):
    """A proof over the Merkle log that proves nothing."""


class TokenRefused(ProofError):
    """A time stamp token that proves nothing."""


class KeyRefused(ProofError):
    """A key that cannot be read, or is not of a kind we know."""
